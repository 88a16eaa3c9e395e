import { assert, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as zlib from "node:zlib"
import * as Description from "../../src/internal/mdns/description.ts"

const description: Description.Description = {
  service: "orders",
  version: "1.0.0",
  metadata: { zone: "a" },
  endpoints: [{ name: "Orders.place", metadata: { stream: "false" } }]
}

const hexOf = (json: string) => zlib.deflateSync(json).toString("hex")

const textOf = (strings: ReadonlyArray<Buffer>) => strings.map(String).join("")

it("writes JSON in Go Micro's order, in zlib, in lower-case hex", () => {
  const text = textOf(Description.encode(description))
  assert.match(text, /^789c[0-9a-f]+$/)
  assert.strictEqual(
    zlib.inflateSync(Buffer.from(text, "hex")).toString(),
    `{"Service":"orders","Version":"1.0.0","Endpoints":[{"name":"Orders.place","request":null,"response":null,` +
      `"metadata":{"stream":"false"}}],"Metadata":{"zone":"a"}}`
  )
})

it("cuts the text into strings of 255, the rest last", () => {
  const metadata = { noise: Array.from({ length: 300 }, (_, n) => (n * n * 7919).toString(36)).join("") }
  const strings = Description.encode({ ...description, metadata })
  assert.isAbove(strings.length, 2)
  assert.isTrue(strings.slice(0, -1).every(({ length }) => length === 255))
  assert.deepStrictEqual(Option.getOrThrow(Description.decode(textOf(strings))).metadata, metadata)
})

it("reads what it wrote", () => {
  assert.deepStrictEqual(Option.getOrThrow(Description.decode(textOf(Description.encode(description)))), description)
})

it("reads bytes that another program wrote", () => {
  const hex =
    "7801ab560a4e2d2acb4c4e55b2524a2f4a4d2d492d52d2510a4b2d2acecccf038ae52496a4169700855cf3520af233f34a8a95acf24a" +
    "737274947c534b1253124b1295acaa950a8af24bf293f373801a724b930b946a6b0143fa1ea0"
  assert.deepStrictEqual(Option.getOrThrow(Description.decode(hex)), {
    service: "greeter",
    version: "latest",
    metadata: { protocol: "mucp" },
    endpoints: []
  })
  assert.isTrue(Option.isNone(Description.decode(hex.slice(0, -20))))
})

it("reads keys in any case and in any order, and null for what is missing, but leaves the keys of metadata alone", () => {
  const json = `{"METADATA":{"Zone":"A"},"endpoints":[{"Name":"x","Request":{"Values":null},"metadata":null}],` +
    `"version":null,"SERVICE":"orders"}`
  assert.deepStrictEqual(Option.getOrThrow(Description.decode(hexOf(json))), {
    service: "orders",
    version: "",
    metadata: { Zone: "A" },
    endpoints: [{ name: "x", metadata: {} }]
  })
  const bare = Option.getOrThrow(Description.decode(hexOf(`{"Service":"a","Endpoints":null,"Metadata":null}`)))
  assert.deepStrictEqual(bare, { service: "a", version: "", metadata: {}, endpoints: [] })
})

for (
  const [what, hex] of [
    ["an empty text", ""],
    ["half a byte", "7"],
    ["what is not hex", "zz"],
    ["what is not zlib", "0011223344"],
    ["what is not JSON", hexOf("{")],
    ["what is not a description", hexOf(`{"Service":1}`)],
    ["metadata that is not text", hexOf(`{"Service":"a","Metadata":{"n":1}}`)],
    ["more than it is willing to inflate", hexOf(`{"Service":"${"a".repeat(Description.limit)}"}`)]
  ] as const
) {
  it(`reads nothing from ${what}`, () => {
    assert.isTrue(Option.isNone(Description.decode(hex)))
  })
}
