import { assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { check } from "../scripts/arrows.ts"

/** What the rules say of a tree of these files. */
const findings = (files: Readonly<Record<string, string>>): ReadonlyArray<string> => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "arrows-"))
  try {
    fs.writeFileSync(path.join(root, "tsconfig.json"), JSON.stringify({ include: ["src"] }))
    for (const [file, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
      fs.writeFileSync(path.join(root, file), text)
    }
    return check(root).map(({ file, line, problem, severity }) => `${file}:${line}: ${severity}: ${problem}`)
  } finally {
    fs.rmSync(root, { recursive: true })
  }
}

const lines = (count: number): string => Array.from({ length: count }, (_, i) => `export const a${i} = 1`).join("\n")

describe("arrows", () => {
  it("finds nothing wrong with the sources", () => {
    const errors = check(process.cwd()).filter(({ severity }) => severity === "error")
    assert.deepStrictEqual(errors, [])
  })

  it("accepts the drawing", () => {
    assert.deepStrictEqual(
      findings({
        "src/Transport.ts": `import * as Effect from "effect/Effect"\nexport interface Call {}`,
        "src/RpcError.ts": `export interface RpcError {}`,
        "src/Rpc.ts": `import type { RpcError } from "./RpcError.ts"\nimport type { Call } from "./Transport.ts"`,
        "src/internal/socket.ts": `import * as net from "node:net"\nimport type { Call } from "../Transport.ts"`,
        "src/Layers/A.ts": `import "../internal/socket.ts"\nimport * as Ring from "effect/HashRing"`,
        "src/Layers/Micro.ts": `import "./A.ts"`,
        "src/Layers/index.ts": `export * from "./A.ts"`
      }),
      []
    )
  })

  it("sees an arrow that is not drawn, a type's too", () => {
    assert.deepStrictEqual(
      findings({
        "src/Codec.ts": `export type A = import("./Registry.ts").B`,
        "src/Registry.ts": `export type B = 1`
      }),
      ["src/Codec.ts:1: error: Codec imports Registry; the drawing has no such arrow"]
    )
  })

  it("sees what a tag reaches through internal", () => {
    assert.deepStrictEqual(
      findings({
        "src/Codec.ts": `\nimport "./internal/a.ts"`,
        "src/internal/a.ts": `import "./b.ts"`,
        "src/internal/b.ts": `import * as fs from "node:fs"\nexport type * from "../Registry.ts"`,
        "src/Registry.ts": ``
      }),
      [
        "src/Codec.ts:2: error: Codec through internal/b imports node:fs; only Layers/ and internal/ may",
        "src/Codec.ts:2: error: Codec through internal/b imports Registry; the drawing has no such arrow"
      ]
    )
  })

  it("lets Rpc have of Transport only the type Call", () => {
    const rpc = (text: string) => findings({ "src/Rpc.ts": text, "src/Transport.ts": `export interface Call {}` })
    const problem = ["src/Rpc.ts:1: error: Rpc imports more of Transport than the type Call"]
    assert.deepStrictEqual(rpc(`import { type Call } from "./Transport.ts"`), [])
    assert.deepStrictEqual(rpc(`import { Call } from "./Transport.ts"`), problem)
    assert.deepStrictEqual(rpc(`import type { Call, Reply } from "./Transport.ts"`), problem)
    assert.deepStrictEqual(rpc(`import type { Reply as Call } from "./Transport.ts"`), problem)
    assert.deepStrictEqual(rpc(`import type * as Transport from "./Transport.ts"`), problem)
  })

  it("knows no tag that is not drawn", () => {
    assert.deepStrictEqual(findings({ "src/Manager.ts": `` }), [
      "src/Manager.ts:1: error: the drawing has no Manager; add it to the arrows, or move it to internal/"
    ])
  })

  it("keeps other packages and unstable modules out of the tags", () => {
    assert.deepStrictEqual(
      findings({
        "src/Codec.ts": [
          `import * as undici from "undici"`,
          `import * as HashRing from "effect/HashRing"`,
          `import * as Model from "effect/schema/Model"`,
          `import * as http from "effect/http"`,
          `import * as Schema from "effect/Schema"`
        ].join("\n")
      }),
      [
        "src/Codec.ts:1: error: Codec imports undici; only Layers/ and internal/ may",
        "src/Codec.ts:2: error: Codec imports effect/HashRing, which is unstable; only Layers/ and internal/ may",
        "src/Codec.ts:3: error: Codec imports effect/schema/Model, which is unstable; only Layers/ and internal/ may",
        "src/Codec.ts:4: error: Codec imports effect/http, which is not a module of its own; only Layers/ and internal/ may"
      ]
    )
  })

  it("sees a layer where none may be named", () => {
    assert.deepStrictEqual(
      findings({
        "src/Layers/A.ts": ``,
        "src/Layers/B.ts": `import "./A.ts"`,
        "src/internal/c.ts": `import "../Layers/A.ts"`,
        "src/index.ts": `export * from "./Layers/A.ts"`
      }).map((finding) => finding.split(": ", 2)[0]),
      ["src/Layers/B.ts:1", "src/index.ts:1", "src/internal/c.ts:1"]
    )
  })

  it("sees a barrel in every room", () => {
    assert.deepStrictEqual(
      findings({
        "src/Layers/A.ts":
          `import { Effect } from "effect"\nimport "@effect/platform-node"\nimport "effect-micro/Codec"`
      }),
      [
        `src/Layers/A.ts:1: error: "effect" is a barrel; import the module's own file`,
        `src/Layers/A.ts:2: error: "@effect/platform-node" is a barrel; import the module's own file`,
        "src/Layers/A.ts:3: error: the package imports itself by name; use a relative path"
      ]
    )
  })

  it("sees a circle of types", () => {
    assert.deepStrictEqual(
      findings({
        "src/internal/a.ts": `import type {} from "./b.ts"`,
        "src/internal/b.ts": `export type * from "./c.ts"`,
        "src/internal/c.ts": `export type C = import("./a.ts").A`
      }),
      ["src/internal/c.ts:1: error: imports go round in a circle: a → b → c → a"]
    )
  })

  it("reads no import in a comment or a string", () => {
    assert.deepStrictEqual(
      findings({
        "src/Codec.ts": `// import "undici"\nexport const a = 'import "undici"'\nexport const b = \`import "undici"\``
      }),
      []
    )
  })

  it.each([
    ["export const a = async () => {}", "`async`"],
    ["export class A { async b() {} }", "`async`"],
    ["export enum A {}", "`enum`"],
    ["export default 1", "a default export"],
    ["export default class {}", "a default export"],
    ["const a = 1\nexport { a as default }", "a default export"],
    ["console.log(1)", "`console`"],
    ["export const a = Date.now()", "`Date.now`"],
    ["export const a = Math.random", "`Math.random`"]
  ])("forbids %j", (text, said) => {
    const found = findings({ "src/internal/a.ts": text })
    assert.strictEqual(found.length, 1)
    assert.include(found[0], `error: no source says ${said}`)
  })

  it("limits the length of a file, and warns of a long tag or function", () => {
    const body = "\n".repeat(40)
    assert.deepStrictEqual(
      findings({
        "src/Codec.ts": lines(221),
        "src/internal/a.ts": lines(300),
        "src/internal/b.ts": lines(301),
        "src/internal/c.ts": `export const c = () => () => {${body}}`
      }),
      [
        "src/Codec.ts:221: warning: 221 lines are much for a tag",
        "src/internal/b.ts:301: error: 301 lines; the limit is 300: find the second noun",
        "src/internal/c.ts:1: warning: a function of 41 lines; two deeds, most likely"
      ]
    )
  })
})
