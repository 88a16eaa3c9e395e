import { afterAll, assert, describe, it } from "@effect/vitest"
import * as fs from "node:fs"
import * as path from "node:path"
import { find, run, typecheck } from "../scripts/examples.ts"

const cache = path.resolve(".cache")
fs.mkdirSync(cache, { recursive: true })
const scratch = (name: string): string => fs.mkdtempSync(path.join(cache, `${name}-`))
const remove = (folder: string): void => fs.rmSync(folder, { recursive: true })

describe("the documentation", () => {
  const folder = scratch("examples")
  afterAll(() => remove(folder))
  const examples = find(process.cwd())

  it("has examples, and each compiles", () => {
    assert.isAbove(examples.length, 0)
    assert.deepStrictEqual(typecheck(folder, examples), [])
  }, 60_000)

  const runnable = examples.filter((example) => example.run)

  it.each(runnable.map((example) => [`${example.document}:${example.line}`, example] as const))(
    "%s runs as it says",
    (_, example) => assert.isUndefined(run(folder, example)),
    30_000
  )
})

describe("examples", () => {
  const root = scratch("documents")
  const folder = scratch("examples")
  afterAll(() => [root, folder].forEach(remove))

  const examplesOf = (files: Readonly<Record<string, string>>) => {
    fs.rmSync(root, { recursive: true, force: true })
    for (const [file, text] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true })
      fs.writeFileSync(path.join(root, file), text)
    }
    return find(root)
  }

  it("that do not compile are reported at their place in the document", () => {
    const examples = examplesOf({
      "README.md": "# A\n\n```ts\n// a.ts\nexport const a: string = \"a\"\n```\n\n```sh\nls\n```\n",
      "docs/b.md": "```ts\nimport * as Codec from \"effect-micro/Codec\"\nexport const b: string = Codec\n```\n",
      "src/C.ts": "/**\n * A noun.\n *\n * ```ts\n *\n * export const c = d\n * ```\n */\nexport const c = 1\n"
    })
    assert.deepStrictEqual(examples.map(({ file }) => file), ["README/a.ts", "docs/b/line-2.ts", "src/C/line-5.ts"])
    assert.deepStrictEqual(typecheck(folder, examples).map((complaint) => complaint.split(": ", 2)[0]), [
      "docs/b.md:3",
      "src/C.ts:6"
    ])
  }, 60_000)

  it("are run where they say so, and must end well and print what they say", () => {
    const examples = examplesOf({
      "README.md": [
        "// run\nconsole.log('one')\nconsole.log('two') // => one\n// => two",
        "// run\nconsole.log('two\\none') // => one\n// => two",
        "// named.ts\n// run\nprocess.exit(3)",
        "process.exit(4)"
      ].map((text) => `\`\`\`ts\n${text}\n\`\`\`\n`).join("")
    })
    assert.deepStrictEqual(examples.map((example) => example.run), [true, true, true, false])
    typecheck(folder, examples)
    const results = examples.map((example) => run(folder, example))
    assert.isUndefined(results[0])
    assert.match(results[1] ?? "", /^README\.md:8: does not print "two" in its place/)
    assert.match(results[2] ?? "", /^README\.md:13: ends with 3/)
  }, 60_000)
})
