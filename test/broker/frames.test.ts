import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Frames from "../../src/internal/broker/http/frames.ts"

const headers = { "content-type": "application/json" }

const event = (id: string, body: string, handed = 0, own: Readonly<Record<string, string>> = headers) => ({
  message: { id, headers: own, body: new TextEncoder().encode(body) },
  handed
})

const plain = (events: ReadonlyArray<Frames.Handed> | undefined) =>
  events?.map(({ handed, message: { body, headers, id } }) => ({ id, headers, body: [...body], handed }))

describe("frames of events", () => {
  it("have the bytes that are stated", () => {
    const hex = Buffer.from(Frames.writeEvents([event("a1", "{}", 3), event("b", "", 70_000)])).toString("hex")
    const json = Buffer.from(JSON.stringify(headers))
    const length = json.length.toString(16).padStart(8, "0")
    assert.strictEqual(
      hex,
      `00000002${"0001"}${length}${json.toString("hex")}`
        + `0000${"0003"}02${"00000002"}6131${"7b7d"}`
        + `0000${"ffff"}01${"00000000"}62`
    )
  })

  it("come back as they went, with headers that some of them share", () => {
    const other = { traceparent: "00-x" }
    const events = [
      event("a", "one"),
      event("b", "zwei ü", 1),
      event("c", "", 0, other),
      event("d", "x".repeat(70_000))
    ]
    assert.deepStrictEqual(plain(Frames.readEvents(Frames.writeEvents(events))), plain(events))
  })

  it("are read wherever they lie in their buffer", () => {
    const frame = Frames.writeEvents([event("a", "one")])
    const within = new Uint8Array(frame.length + 7).subarray(5, 5 + frame.length)
    within.set(frame)
    assert.deepStrictEqual(plain(Frames.readEvents(within)), plain([event("a", "one")]))
  })

  it("are none where they are cut, longer than they say, or lie about their count", () => {
    const frame = Frames.writeEvents([event("a", "one"), event("b", "two")])
    for (let length = 0; length < frame.length; length++) {
      assert.isUndefined(Frames.readEvents(frame.subarray(0, length)), `cut to ${length}`)
    }
    assert.isUndefined(Frames.readEvents(Buffer.concat([frame, Buffer.of(0)])))
    const many = Buffer.from(frame)
    many.writeUInt32BE(0xffffffff)
    assert.isUndefined(Frames.readEvents(many))
  })

  it.effect("are none, and no exception, where they are anything else", () =>
    Effect.gen(function*() {
      const frame = Frames.writeEvents([event("a", "one"), event("b", "two")])
      for (let round = 0; round < 20_000; round++) {
        const broken = Buffer.from(frame)
        for (let change = 0; change < 3; change++) {
          broken[yield* Random.nextIntBetween(0, frame.length - 1)] = yield* Random.nextIntBetween(0, 255)
        }
        const events = Frames.readEvents(broken)
        if (events !== undefined) assert.isAtMost(events.length, frame.length)
      }
    }).pipe(Random.withSeed("frames of events")))

  it("have headers that are texts", () => {
    const frame = Buffer.from(Frames.writeEvents([event("a", "one", 0, { n: "1234" })]))
    frame.write("{\"n\":[1,2]} ".slice(0, 12), 10)
    assert.isUndefined(Frames.readEvents(frame))
  })
})

describe("frames of verdicts", () => {
  it("come back as they went", () => {
    const verdicts = [{ from: 0, count: 512, pause: undefined }, { from: 512, count: 1, pause: 0 }, {
      from: 513,
      count: 7,
      pause: 1000
    }]
    const frame = Frames.writeVerdicts(verdicts)
    assert.strictEqual(Buffer.from(frame).subarray(0, 12).toString("hex"), "0000000000000200ffffffff")
    assert.deepStrictEqual(Frames.readVerdicts(frame), verdicts)
  })

  it("are none where they are cut", () => {
    assert.isUndefined(Frames.readVerdicts(Frames.writeVerdicts([{ from: 0, count: 1, pause: 0 }]).subarray(1)))
  })
})
