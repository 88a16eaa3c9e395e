/**
 * The examples of the documentation, as programs: every `ts` block of `src`, `README.md` and `docs`.
 *
 * Each document gets a folder and each block a file in it, all under `.cache`, where `effect-micro/…` is found by
 * self-reference. A block whose first line is `// orders.ts` gets that name, so that the document's next block can
 * import it. A block that says `// run` on one of its first two lines is run as well: it must exit with 0, and its
 * output must have the text of each `// => text`, in order.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { compile } from "./build.ts"

/** One block of a document. */
export interface Example {
  /** The document, from the root: `src/Broker.ts`. */
  readonly document: string
  /** Line of the document above the block's first. */
  readonly line: number
  readonly text: string
  /** Where it is written to, from the folder of all. */
  readonly file: string
  readonly run: boolean
  /** What it prints, in order. */
  readonly prints: ReadonlyArray<string>
}

/** Every example of the package that lies in `root`. */
export const find = (root: string): ReadonlyArray<Example> =>
  ["README.md", ...under(root, "docs", ".md"), ...under(root, "src", ".ts")]
    .filter((document) => fs.existsSync(path.join(root, document)))
    .flatMap((document) => blocks(document, fs.readFileSync(path.join(root, document), "utf8")))

/** Writes examples to a folder two levels below the package's, emptied first, and compiles them all at once; returns the complaints, placed in the documents. */
export const typecheck = (folder: string, examples: ReadonlyArray<Example>): ReadonlyArray<string> => {
  fs.rmSync(folder, { recursive: true, force: true })
  for (const { file, text } of examples) {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    fs.writeFileSync(path.join(folder, file), text)
  }
  fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config))
  const { output } = compile(folder, ["-p", ".", "--pretty", "false"])
  return output.split("\n").filter((line) => line !== "").map((line) => placed(examples, line))
}

/** Runs an example that was written to the folder; returns what is wrong with its end and its output. */
export const run = (folder: string, example: Example): string | undefined => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [example.file], {
    cwd: folder,
    encoding: "utf8",
    timeout: runLimit
  })
  if (status !== 0) return `${at(example, 1)}: ends with ${status ?? "a timeout"}: ${stderr}`
  let from = 0
  for (const text of example.prints) {
    const found = stdout.indexOf(text, from)
    if (found === -1) return `${at(example, 1)}: does not print "${text}" in its place; it prints: ${stdout}`
    from = found + text.length
  }
  return undefined
}

// ---------------------------------------------------------------------------------------------------------------------

const runLimit = 20_000

const config = {
  extends: "../../tsconfig.json",
  compilerOptions: { incremental: false, tsBuildInfoFile: null },
  include: ["**/*.ts"],
  exclude: []
}

const under = (root: string, folder: string, extension: string): ReadonlyArray<string> => {
  const at = path.join(root, folder)
  if (!fs.existsSync(at)) return []
  return fs.readdirSync(at, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(extension))
    .map((file) => path.posix.join(folder, file.split(path.sep).join("/")))
    .toSorted()
}

const fence = /^(?<margin> *(?:\* )?)```ts\n(?<body>.*?)^\k<margin>```$/gms

const blocks = (document: string, text: string): ReadonlyArray<Example> =>
  Array.from(text.matchAll(fence), (match) => {
    const { body = "", margin = "" } = match.groups ?? {}
    const lines = body.split("\n").map((line) => line.slice(margin.length))
    const line = text.slice(0, match.index).split("\n").length
    const named = /^\/\/ (?<name>[\w-]+\.ts)$/.exec(lines[0] ?? "")?.groups?.name
    return {
      document,
      line,
      text: lines.join("\n"),
      file: path.posix.join(document.replace(/\.\w+$/, ""), named ?? `line-${line + 1}.ts`),
      run: lines.slice(0, 2).includes("// run"),
      prints: lines.flatMap((line) => /\/\/ => (.*)$/.exec(line)?.[1] ?? [])
    }
  })

const at = (example: Example, line: number): string => `${example.document}:${example.line + line}`

const placed = (examples: ReadonlyArray<Example>, complaint: string): string => {
  const [, file, line = "0", rest] = /^(.+?)\((\d+),\d+\): (.*)$/.exec(complaint) ?? []
  const example = examples.find((candidate) => candidate.file === file)
  return example === undefined ? complaint : `${at(example, Number(line))}: ${rest}`
}
