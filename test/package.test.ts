import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { compile } from "../scripts/build.ts"
import { npm, pack } from "../scripts/pack.ts"
import * as HttpTransport from "../src/Layers/HttpTransport.ts"
import * as JsonCodec from "../src/Layers/JsonCodec.ts"
import * as NetworkRpc from "../src/Layers/NetworkRpc.ts"
import * as RandomSelector from "../src/Layers/RandomSelector.ts"
import * as StaticRegistry from "../src/Layers/StaticRegistry.ts"

const project = fs.mkdtempSync(path.join(os.tmpdir(), "consumer-"))
const installed = path.join(project, "node_modules/effect-micro")

const manifestOf = (folder: string) => JSON.parse(fs.readFileSync(path.join(folder, "package.json"), "utf8"))

const consumer = `
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { Contract, Rpc } from "effect-micro"
import { LocalRpcLive } from "effect-micro/Layers/LocalRpc"

class Greeter extends Contract.Service<Greeter>()("greeter", {
  hello: Contract.method({ payload: { name: Schema.String }, success: Schema.String })
}) {}
const Server = Rpc.layerServer(Greeter, { hello: ({ name }) => Effect.succeed("Hello, " + name) })
const App = Rpc.layerClient(Greeter).pipe(Layer.provideMerge(Server), Layer.provide(LocalRpcLive))
const program = Effect.flatMap(Greeter, (greeter) => greeter.hello({ name: "tarball" }))
const answer: string = await Effect.runPromise(Effect.provide(program, App))
export const mistake = () =>
  Effect.runPromise(Effect.provide(
    // @ts-expect-error a name is a string: the declarations are more than any
    Effect.flatMap(Greeter, (greeter) => greeter.hello({ name: 1 })),
    App
  ))
process.stdout.write(answer)
`

const evaluate = (script: string) =>
  spawnSync(process.execPath, ["--input-type=module", "-e", script], { cwd: project, encoding: "utf8" })

const resolve = (specifier: string) => evaluate(`process.stdout.write(import.meta.resolve("${specifier}"))`)

const files = (extension: string): ReadonlyArray<string> =>
  fs.readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(extension))

/** Every public module, and why it cannot be loaded, if it cannot. */
const load = (): Record<string, string | null> => {
  const specifiers = files(".js")
    .filter((file) => file.startsWith("dist/") && !file.includes("/internal/"))
    .map((file) => file.replace(/^dist/, "effect-micro").replace(/(\/index)?\.js$/, ""))
  const { stderr, stdout } = evaluate(`
    const loaded = {}
    for (const specifier of ${JSON.stringify(specifiers)}) {
      loaded[specifier] = await import(specifier).then(() => null, (error) => error.message)
    }
    process.stdout.write(JSON.stringify(loaded))
  `)
  assert.strictEqual(stderr, "")
  return JSON.parse(stdout)
}

describe("the tarball", () => {
  beforeAll(() => {
    const tarball = pack(process.cwd(), project)
    const { devDependencies } = manifestOf(process.cwd())
    const dependencies = {
      "effect-micro": `file:${path.basename(tarball)}`,
      ...Object.fromEntries(
        ["effect", "@effect/platform-node", "@types/node"].map((name) => [name, devDependencies[name]])
      )
    }
    fs.writeFileSync(
      path.join(project, "package.json"),
      JSON.stringify({ type: "module", private: true, dependencies })
    )
    fs.writeFileSync(path.join(project, "consumer.ts"), consumer)
    npm(project, ["install", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"])
  }, 180_000)

  afterAll(() => fs.rmSync(project, { recursive: true }))

  it("type-checks in a project that uses it", () => {
    const options = { strict: true, module: "NodeNext", target: "ES2024", types: ["node"], outDir: "out" }
    const config = { compilerOptions: options, files: ["consumer.ts"] }
    fs.writeFileSync(path.join(project, "tsconfig.json"), JSON.stringify(config))
    assert.deepStrictEqual(compile(project, ["-p", "."]), { status: 0, output: "" })
  }, 60_000)

  it("runs without its sources being compiled", () => {
    const { status, stderr, stdout } = spawnSync(process.execPath, ["consumer.ts"], { cwd: project, encoding: "utf8" })
    assert.deepStrictEqual({ status, stderr, stdout }, { status: 0, stderr: "", stdout: "Hello, tarball" })
  })

  it("resolves a layer by its own path, and nothing private", () => {
    assert.match(resolve("effect-micro/Layers/JsonCodec").stdout, /\/effect-micro\/dist\/Layers\/JsonCodec\.js$/)
    assert.match(resolve("effect-micro/Layers").stdout, /\/effect-micro\/dist\/Layers\/index\.js$/)
    for (const hidden of ["effect-micro/internal/anything", "effect-micro/index", "effect-micro/Layers/index"]) {
      assert.include(resolve(hidden).stderr, "ERR_PACKAGE_PATH_NOT_EXPORTED")
    }
  })

  it("needs an optional peer only where a module is about it, and says which", () => {
    const missing = load()
    assert.deepStrictEqual(missing["effect-micro/Layers"], null)
    assert.deepStrictEqual(missing["effect-micro/Layers/HttpTransport"], null)
    const wanted = Object.values(missing).filter((cause) => cause !== null)
    // One that comes with another peer, as `redis` with `@effect/platform-node`, is there already.
    const optional = Object.keys(manifestOf(installed).peerDependenciesMeta ?? {})
      .filter((name) => !fs.existsSync(path.join(project, "node_modules", name)))
    const named = wanted.map((cause) => /^Cannot find package '([^']+)'/.exec(cause)?.[1] ?? cause)
    // A module that wants two of them names one.
    assert.includeMembers(optional, named)
    for (const name of Object.keys(missing).filter((name) => missing[name] !== null)) {
      assert.match(name, /Nats|JetStream|Redis|Msgpack|Protobuf/)
    }
    const { devDependencies } = manifestOf(process.cwd())
    npm(project, [
      "install",
      "--prefer-offline",
      "--ignore-scripts",
      "--no-audit",
      "--no-fund",
      ...optional.map((name) => `${name}@${devDependencies[name]}`)
    ])
    assert.deepStrictEqual(Object.entries(load()).filter(([, cause]) => cause !== null), [])
  }, 120_000)

  it("ships every public module, declarations of every source, and maps that lead to sources it ships", () => {
    const names = (folder: string, extension: string) =>
      files(extension)
        .filter((file) => file.startsWith(folder))
        .map((file) => file.slice(folder.length, -extension.length))
        .toSorted()
    const isPublic = (name: string) => !name.startsWith("internal/")
    assert.deepStrictEqual(names("dist/", ".d.ts"), names("src/", ".ts"))
    assert.deepStrictEqual(names("dist/", ".js").filter(isPublic), names("src/", ".ts").filter(isPublic))
    // A module that only hands on what several share has nothing to map.
    assert.includeMembers(names("dist/", ".js"), names("dist/", ".js.map"))
    assert.deepStrictEqual(names("dist/", ".d.ts.map"), names("dist/", ".d.ts"))
    for (const map of files(".map").filter((file) => file.startsWith("dist/"))) {
      const at = path.join(installed, map)
      for (const source of JSON.parse(fs.readFileSync(at, "utf8")).sources) {
        assert.isTrue(fs.existsSync(path.resolve(path.dirname(at), source)), `${map} leads nowhere`)
      }
    }
  })

  it("exports what its sources do, and reads few files for a client and a server", () => {
    const script = `
      import { registerHooks } from "node:module"
      const read = []
      registerHooks({ load: (url, context, next) => (read.push(url), next(url, context)) })
      const names = ["NetworkRpc", "HttpTransport", "JsonCodec", "RandomSelector", "StaticRegistry"]
      const modules = await Promise.all(names.map((name) => import("effect-micro/Layers/" + name)))
      const ours = read.filter((url) => url.includes("/effect-micro/dist/"))
      process.stdout.write(JSON.stringify({ keys: modules.map((module) => Object.keys(module).toSorted()), files: ours.length }))
    `
    const { files, keys } = JSON.parse(evaluate(script).stdout)
    assert.deepStrictEqual(
      keys,
      [NetworkRpc, HttpTransport, JsonCodec, RandomSelector, StaticRegistry].map((module) =>
        Object.keys(module).toSorted()
      )
    )
    assert.isAtMost(files, 45)
  })

  it("has a manifest that is free of the repository's own business", () => {
    const { allowScripts, devDependencies, publishConfig, scripts } = manifestOf(installed)
    assert.deepStrictEqual(
      { allowScripts, devDependencies, scripts, exports: publishConfig.exports },
      { allowScripts: undefined, devDependencies: undefined, scripts: undefined, exports: undefined }
    )
  })
})
