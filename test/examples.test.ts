import { assert, describe, it } from "@effect/vitest"
import { spawnSync } from "node:child_process"
import * as path from "node:path"

const folder = path.resolve("examples")

const run = (name: string) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [path.join(folder, `${name}.ts`)], {
    encoding: "utf8",
    timeout: 60_000
  })
  return { status, stderr, lines: stdout.trimEnd().split("\n") }
}

/** What each program that ends by itself prints. Greeter, shop and client are run by the fleet. */
const programs: Readonly<Record<string, ReadonlyArray<string>>> = {
  streams: [
    "one to one: 42",
    "one to many: [ 7, 8, 9 ]",
    "the handler stopped, as its caller wants no more",
    "many to one: 500500",
    "many to many: [ 1, 4, 9, 16 ]"
  ],
  events: ["a packer got book", "the archive got book", "the audit got book"],
  page: [
    "booked: \"seat 7 is yours\"",
    "declared error: {\"_tag\":\"Sold\",\"seat\":1}",
    "left: 3",
    "left: 2",
    "left: 1"
  ],
  swap: ["Hello, monolith!", "Hello, memory!", "Hello, wire!"],
  errors: [
    "declared: 30 are missing",
    "unreachable: examples.nobody",
    "too late: The deadline of examples.bank/Bank.audit has passed",
    "RemoteDefect, never ran: false"
  ],
  auth: ["ada wrote: day one", "unauthorized: day two", "unauthorized: day three", "pages: 1"],
  limits: [
    "Hello, ada!",
    "Hello, ada!",
    "ada may come back within three seconds: true",
    "Hello, bob!",
    "Hello, ada!"
  ],
  badNetwork: ["cut and late: true", "told of all: true", "paid twice: 0"],
  double: ["Hi you (said the double). Come in.", "Good day, you. Come in."]
}

describe("the examples", () => {
  it.each(Object.keys(programs))("%s prints what it is there to show", (name) => {
    assert.deepStrictEqual(run(name), { status: 0, stderr: "", lines: [...programs[name]] })
  }, 60_000)

  it("a fleet loses no call when one of its processes is killed", () => {
    const { lines, status, stderr } = run("fleet")
    assert.deepStrictEqual({ status, stderr }, { status: 0, stderr: "" }, lines.join("\n"))
    const claims = lines.filter((line) => /^ {2}(?:held|BROKEN) /.test(line))
    assert.strictEqual(claims.length, 5)
    assert.isTrue(claims.every((line) => line.startsWith("  held ")))
  }, 90_000)
})
