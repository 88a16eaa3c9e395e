import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Frames from "../../src/internal/broker/http/frames.ts"
import * as Series from "../../src/internal/broker/series.ts"

const headers = { "content-type": "application/json" }

const encoder = new TextEncoder()

const run = (series: string, bodies: ReadonlyArray<string>, options?: {
  readonly place?: number
  readonly handed?: number
  readonly headers?: Readonly<Record<string, string>>
}): Frames.Run => ({
  messages: bodies.map((body, index) =>
    new Series.Numbered(series, (options?.place ?? 0) + index, options?.headers ?? headers, encoder.encode(body))
  ),
  handed: options?.handed ?? 0
})

const plain = (runs: ReadonlyArray<Frames.Run> | undefined) =>
  runs?.map(({ handed, messages }) => ({
    handed,
    messages: messages.map(({ body, headers, id }) => ({ id, headers, body: [...body] }))
  }))

const read = (frame: Uint8Array): ReadonlyArray<Frames.Run> | undefined =>
  Frames.readEvents(frame)?.map((arrival) => ({
    handed: arrival.handed,
    messages: Array.from({ length: arrival.count }, () => arrival.next())
  }))

describe("frames of events", () => {
  it("have the bytes that are stated", () => {
    const runs = [run("a1", ["{}", ""], { place: 7, handed: 3 }), run("b", ["x"], { handed: 70_000, headers: {} })]
    const hex = Buffer.from(Frames.writeEvents(runs)).toString("hex")
    const json = Buffer.from(JSON.stringify(headers))
    const length = json.length.toString(16).padStart(8, "0")
    assert.strictEqual(
      hex,
      `0003${"02"}${length}${"00000007"}00000002${"6131"}${json.toString("hex")}`
        + `00000002${"7b7d"}00000000`
        + `ffff${"01"}00000002${"00000000"}00000001${"62"}7b7d`
        + `00000001${"78"}`
    )
  })

  it("come back as they went, each run with its headers and each event with its id", () => {
    const runs = [
      run("a", ["one", "zwei ü", ""]),
      run("a", ["four"], { place: 3, handed: 1 }),
      run("b", ["x".repeat(70_000)], { headers: { traceparent: "00-ü" } })
    ]
    const back = read(Frames.writeEvents(runs))
    assert.deepStrictEqual(plain(back), plain(runs))
    assert.deepStrictEqual(back?.flatMap(({ messages }) => messages.map(({ id }) => id)), [
      "a",
      "a-1",
      "a-2",
      "a-3",
      "b"
    ])
  })

  it("carry the id of a message that is of no series", () => {
    const message = { id: "own-5", headers, body: encoder.encode("one") }
    assert.deepStrictEqual(
      plain(read(Frames.writeEvents([{ messages: [message], handed: 0 }]))),
      plain([{ messages: [message], handed: 0 }])
    )
  })

  it("are read wherever they lie in their buffer", () => {
    const frame = Frames.writeEvents([run("a", ["one"])])
    const within = new Uint8Array(frame.length + 7).subarray(5, 5 + frame.length)
    within.set(frame)
    assert.deepStrictEqual(plain(read(within)), plain([run("a", ["one"])]))
  })

  it("are none where they are cut, longer than they say, or lie about their count", () => {
    const frame = Frames.writeEvents([run("a", ["one", "two"]), run("b", ["three"])])
    const first = Frames.writeEvents([run("a", ["one", "two"])]).length
    // Cut between two runs, it is a frame of the first.
    for (let length = 1; length < frame.length; length++) {
      if (length === first) continue
      assert.isUndefined(read(frame.subarray(0, length)), `cut to ${length}`)
    }
    assert.isUndefined(read(Buffer.concat([frame, Buffer.of(0)])))
    const many = Buffer.from(frame)
    for (const count of [0, 1, 3, 0xffffffff]) {
      many.writeUInt32BE(count, 11)
      assert.isUndefined(read(many), `${count} events`)
    }
  })

  it.effect("are none, and no exception, where they are anything else", () =>
    Effect.gen(function*() {
      const frame = Frames.writeEvents([run("a", ["one", "two"]), run("b", ["three"])])
      for (let round = 0; round < 20_000; round++) {
        const broken = Buffer.from(frame)
        for (let change = 0; change < 3; change++) {
          broken[yield* Random.nextIntBetween(0, frame.length - 1)] = yield* Random.nextIntBetween(0, 255)
        }
        const runs = read(broken)
        if (runs !== undefined) assert.isAtMost(runs.flatMap(({ messages }) => messages).length, frame.length)
      }
    }).pipe(Random.withSeed("frames of events")))

  it("have headers that are texts", () => {
    const frame = Buffer.from(Frames.writeEvents([run("a", ["one"], { headers: { n: "1234" } })]))
    frame.write("{\"n\":[1,2]} ", frame.indexOf("{"))
    assert.isUndefined(read(frame))
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
