/**
 * The arrows of the architecture, and the few conventions that a machine can check.
 *
 * Prints each broken rule as `file:line: a sentence` and fails; a warning does not fail. A tag sees through `internal/`:
 * what it reaches there is judged as if it had imported it itself, so nothing can be smuggled.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { type Import, read, type Source } from "./sources.ts"

/** A broken rule. */
export interface Finding {
  readonly file: string
  readonly line: number
  readonly severity: "error" | "warning"
  readonly problem: string
}

/** Everything that the tree under `root` breaks. */
export const check = (root: string): ReadonlyArray<Finding> => {
  const sources = read(root)
  return [...sources.flatMap(ofImports(sources)), ...cycles(sources), ...sources.flatMap(ofConventions)]
}

// ---------------------------------------------------------------------------------------------------------------------

/** What each tag may import of this package. A tag that is missing here is missing in the drawing. */
const arrows: Readonly<Record<string, ReadonlyArray<string>>> = {
  RpcError: [],
  Codec: [],
  Registry: [],
  Load: [],
  Transport: ["Load"],
  SelectorError: [],
  SelectorState: ["Registry"],
  Selector: ["SelectorError", "SelectorState", "Registry", "Load"],
  Contract: ["RpcError", "Codec"],
  Message: [],
  BrokerError: ["Codec"],
  Broker: ["Codec", "Message", "BrokerError"],
  Protobuf: ["Codec", "Contract"],
  Rpc: ["Contract", "RpcError", "Codec", "Transport"],
  index: [
    "RpcError",
    "Codec",
    "Registry",
    "Transport",
    "Selector",
    "Contract",
    "Broker",
    "BrokerError",
    "Message",
    "Rpc"
  ]
}

/** The two files that may name layers: one composes the defaults, the other lists them all. */
const composers: ReadonlyArray<string> = ["src/Layers/Micro.ts", "src/Layers/index.ts"]

const tagLimit = 220
const fileLimit = 300

type Room = "tag" | "internal" | "layer"

const room = (file: string): Room =>
  file.startsWith("src/Layers/") ? "layer" : file.startsWith("src/internal/") ? "internal" : "tag"

const nameOf = (file: string): string => path.posix.basename(file, ".ts")

const error = (file: string, line: number, problem: string): Finding => ({ file, line, severity: "error", problem })

const warning = (file: string, line: number, problem: string): Finding => ({ file, line, severity: "warning", problem })

const target = (file: string, { specifier }: Import): string | undefined =>
  specifier.startsWith(".") ? path.posix.join(path.posix.dirname(file), specifier) : undefined

const ofImports = (sources: ReadonlyArray<Source>) => {
  const byFile = new Map(sources.map((source) => [source.file, source]))
  return (source: Source): ReadonlyArray<Finding> => [
    ...source.imports.flatMap((imported) => {
      const problem = forAll(source.file, imported)
      return problem === undefined ? [] : [error(source.file, imported.line, problem)]
    }),
    ...room(source.file) === "tag" ? reach(byFile, source) : []
  ]
}

/** The rules that hold in every room. */
const forAll = (file: string, imported: Import): string | undefined => {
  const to = target(file, imported)
  if (to === undefined) {
    return ["effect", "@effect/platform-node"].includes(imported.specifier)
      ? `"${imported.specifier}" is a barrel; import the module's own file`
      : imported.specifier.startsWith("effect-micro")
      ? "the package imports itself by name; use a relative path"
      : undefined
  }
  if (room(to) !== "layer" || composers.includes(file)) return undefined
  return room(file) === "layer"
    ? `the layer ${nameOf(file)} imports the layer ${nameOf(to)}; what both need belongs to internal/`
    : `${to} is a layer; only ${composers.join(" and ")} may name one`
}

/** What a tag reaches, itself and through `internal/`. */
const reach = (byFile: ReadonlyMap<string, Source>, tag: Source): ReadonlyArray<Finding> => {
  const findings: Array<Finding> = []
  const seen = new Set<string>()
  const name = nameOf(tag.file)
  if (arrows[name] === undefined) {
    findings.push(error(tag.file, 1, `the drawing has no ${name}; add it to the arrows, or move it to internal/`))
  }
  const follow = (source: Source, via: string, line: number | undefined): void => {
    for (const imported of source.imports) {
      const at = line ?? imported.line
      const to = target(source.file, imported)
      const problem = to === undefined ? foreign(imported.specifier) : ofTag(name, to, imported)
      if (problem !== undefined) findings.push(error(tag.file, at, `${name} ${via}${problem}`))
      const next = to === undefined || room(to) !== "internal" ? undefined : byFile.get(to)
      if (next === undefined || seen.has(next.file)) continue
      seen.add(next.file)
      follow(next, `through internal/${nameOf(next.file)} `, at)
    }
  }
  follow(tag, "", undefined)
  return findings
}

const ofTag = (name: string, to: string, imported: Import): string | undefined => {
  if (room(to) !== "tag" || nameOf(to) === name) return undefined
  const other = nameOf(to)
  if (arrows[name]?.includes(other) !== true) return `imports ${other}; the drawing has no such arrow`
  const onlyCall = imported.typeOnly && imported.names?.every((said) => said === "Call") === true
  return name === "Rpc" && other === "Transport" && !onlyCall
    ? "imports more of Transport than the type Call"
    : undefined
}

/** Why a tag may not stand on a module of another package, if it may not. */
const foreign = (specifier: string): string | undefined => {
  if (!specifier.startsWith("effect/")) {
    return specifier === "effect" ? undefined : `imports ${specifier}; only Layers/ and internal/ may`
  }
  const stability = stabilityOf(specifier.slice("effect/".length))
  return stability === "stable"
    ? undefined
    : `imports ${specifier}, which is ${stability}; only Layers/ and internal/ may`
}

const effect = path.dirname(fileURLToPath(import.meta.resolve("effect/package.json")))

/** What the module's first comment promises. A barrel, or a module that is not there, promises nothing. */
const stabilityOf = (module: string): string => {
  const file = path.join(effect, "src", `${module}.ts`)
  if (!fs.existsSync(file)) return "not a module of its own"
  const [comment] = fs.readFileSync(file, "utf8").split("*/", 1)
  return /@stability\s+(\w+)/.exec(comment ?? "")?.[1] ?? "stable"
}

/** Every loop of imports, types included; each is told once, at the import that closes it. */
const cycles = (sources: ReadonlyArray<Source>): ReadonlyArray<Finding> => {
  const byFile = new Map(sources.map((source) => [source.file, source]))
  const done = new Set<string>()
  const findings: Array<Finding> = []
  const visit = (source: Source, trail: ReadonlyArray<string>): void => {
    const here = [...trail, source.file]
    for (const imported of source.imports) {
      const to = target(source.file, imported)
      const next = to === undefined ? undefined : byFile.get(to)
      if (next === undefined || done.has(next.file)) continue
      const start = here.indexOf(next.file)
      if (start === -1) visit(next, here)
      else {
        const loop = [...here.slice(start), next.file].map(nameOf).join(" → ")
        findings.push(error(source.file, imported.line, `imports go round in a circle: ${loop}`))
      }
    }
    done.add(source.file)
  }
  for (const source of sources) if (!done.has(source.file)) visit(source, [])
  return findings
}

const ofConventions = ({ file, forbidden, lines, long }: Source): ReadonlyArray<Finding> => [
  ...forbidden.map(({ line, text }) => error(file, line, `no source says ${text}`)),
  ...long.map(({ line, text }) => warning(file, line, `${text}; two deeds, most likely`)),
  ...lines > fileLimit
    ? [error(file, lines, `${lines} lines; the limit is ${fileLimit}: find the second noun`)]
    : lines > tagLimit && room(file) === "tag"
    ? [warning(file, lines, `${lines} lines are much for a tag`)]
    : []
]

if (import.meta.main) {
  const findings = check(process.cwd())
  for (const { file, line, problem, severity } of findings) console.log(`${file}:${line}: ${severity}: ${problem}`)
  const errors = findings.filter(({ severity }) => severity === "error").length
  console.log(errors === 0 ? "The arrows are as drawn." : `${errors} broken`)
  process.exitCode = errors === 0 ? 0 : 1
}
