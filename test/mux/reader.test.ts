import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Reader from "../../src/internal/mux/reader.ts"
import { frame } from "./wire.ts"

const limit = 200

type Told =
  | readonly ["frame", number, number, number, string]
  | readonly ["oversized", number, number, number, number]
  | readonly ["garbage"]

/** What a reader tells of some chunks. What it says no more to is not read on. */
const read = (chunks: ReadonlyArray<Buffer>): ReadonlyArray<Told> => {
  const told: Array<Told> = []
  let settled = 0
  const reader = Reader.make(limit, {
    frame: (type, flags, id, bytes, start, end) =>
      told.push(["frame", type, flags, id, bytes.toString("hex", start, end)]),
    oversized: (type, flags, id, size) => told.push(["oversized", type, flags, id, size]),
    settled: () => settled++,
    garbage: () => told.push(["garbage"])
  })
  let reads = 0
  for (const chunk of chunks) {
    reads++
    if (!reader(chunk)) break
  }
  assert.strictEqual(settled, reads)
  return told
}

/** Luck that is the same in every run. */
const lucky = (seed: string, proof: (below: (bound: number) => number) => void) =>
  Effect.gen(function*() {
    const random = yield* Random.Random
    proof((bound) => Math.floor(random.nextDoubleUnsafe() * bound))
  }).pipe(Random.withSeed(seed))

const cut = (bytes: Buffer, below: (bound: number) => number): ReadonlyArray<Buffer> => {
  const chunks: Array<Buffer> = []
  const largest = [1, 3, 12, 100, bytes.length][below(5)]
  for (let at = 0; at < bytes.length;) {
    const size = 1 + below(largest)
    // A copy, so that nothing behind the end can be read by mistake.
    chunks.push(Buffer.from(bytes.subarray(at, at + size)))
    at += size
  }
  return chunks
}

/** Frames, some over the limit, and what is to be told of them. */
const sequence = (below: (bound: number) => number) => {
  const frames: Array<Buffer> = []
  const told: Array<Told> = []
  for (let count = below(6); count > 0; count--) {
    const [type, flags, id] = [below(256), below(256), below(2 ** 32)]
    const body = Buffer.alloc([0, below(8), limit - 6, limit - 5, below(3 * limit)][below(5)], below(256))
    frames.push(frame(type, flags, id, body))
    told.push(
      body.length + 6 > limit
        ? ["oversized", type, flags, id, body.length + 6]
        : ["frame", type, flags, id, body.toString("hex")]
    )
  }
  return { bytes: Buffer.concat(frames), told }
}

describe("the reader of frames", () => {
  it.effect("tells of the same frames wherever the wire cuts them", () =>
    lucky("cuts", (below) => {
      for (let round = 0; round < 40_000; round++) {
        const { bytes, told } = sequence(below)
        assert.deepStrictEqual(read(cut(bytes, below)), told)
      }
    }))

  it.effect("makes the same of any bytes, wherever they are cut, and tells of no frame behind garbage", () =>
    lucky("noise", (below) => {
      for (let round = 0; round < 40_000; round++) {
        const bytes = Buffer.alloc(below(120))
        for (let at = 0; at < bytes.length; at++) bytes[at] = below(4) === 0 ? below(256) : below(2) * below(20)
        const whole = read([bytes])
        assert.deepStrictEqual(read(cut(bytes, below)), whole)
        const garbage = whole.findIndex(([kind]) => kind === "garbage")
        assert.isTrue(garbage === -1 || garbage === whole.length - 1)
      }
    }))

  it.effect("calls lengths that lie garbage, where they are no frame's, and waits for the rest where they may be", () =>
    lucky("lies", (below) => {
      for (let round = 0; round < 20_000; round++) {
        const { bytes, told } = sequence(below)
        const lie = frame(3, 0, 7, Buffer.alloc(below(limit - 5)))
        const length = [below(6), 2 ** 30 + 1 + below(2 ** 31), lie.length + below(limit)][below(3)]
        lie.writeUInt32BE(length, 0)
        const all = read(cut(Buffer.concat([bytes, lie]), below))
        const last: ReadonlyArray<Told> = length < 6 || length > 2 ** 30
          ? [["garbage"]]
          : length > limit
          ? [["oversized", 3, 0, 7, length]]
          : []
        assert.deepStrictEqual(all, [...told, ...last])
      }
    }))
})
