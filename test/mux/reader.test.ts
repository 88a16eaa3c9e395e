import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { alone } from "../../src/internal/memory.ts"
import { maxSplits, Type } from "../../src/internal/mux/frames.ts"
import * as Reader from "../../src/internal/mux/reader.ts"
import { frame, u32 } from "./wire.ts"

const limit = 200
const MiB = 1024 * 1024

type Told =
  | readonly ["frame", number, number, number, string]
  | readonly ["oversized", number, number, number, number]
  | readonly ["skipped", number, number, number]
  | readonly ["garbage"]

/** What a reader tells of some chunks. What it says no more to is not read on. */
const tell = (chunks: ReadonlyArray<Buffer>): ReadonlyArray<Told> => {
  const told: Array<Told> = []
  let settled = 0
  const { read } = Reader.make(limit, {
    frame: (type, flags, id, bytes, start, end) =>
      told.push(["frame", type, flags, id, bytes.toString("hex", start, end)]),
    oversized: (type, flags, id, size) => told.push(["oversized", type, flags, id, size]),
    skipped: (type, flags, id) => told.push(["skipped", type, flags, id]),
    grant: () => undefined,
    isExpected: () => true,
    settled: () => settled++,
    garbage: () => told.push(["garbage"])
  })
  let reads = 0
  for (const chunk of chunks) {
    reads++
    if (!read(chunk)) break
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

/** A type that says nothing to a reader. */
const plainType = (below: (bound: number) => number) => 14 + below(242)

/** Frames, some over the limit, and what is to be told of them. */
const sequence = (below: (bound: number) => number) => {
  const frames: Array<Buffer> = []
  const told: Array<Told> = []
  for (let count = below(6); count > 0; count--) {
    const [type, flags, id] = [plainType(below), below(256), below(2 ** 32)]
    const body = Buffer.alloc([0, below(8), limit - 6, limit - 5, below(3 * limit)][below(5)], below(256))
    frames.push(frame(type, flags, id, body))
    told.push(
      body.length + 6 > limit
        ? ["oversized", type, flags, id, body.length]
        : ["frame", type, flags, id, body.toString("hex")]
    )
  }
  return { bytes: Buffer.concat(frames), told }
}

/** A frame in parts, and what is to be told where it starts and where it ends. */
const split = (id: number, below: (bound: number) => number) => {
  const [type, flags] = [[Type.Open, Type.Message, Type.Failure][below(3)], below(256)]
  const own = Buffer.alloc(1 + below(3 * limit / 2), 1 + below(255))
  const begun = below(Math.min(own.length, limit - 12))
  const parts = cut(own.subarray(begun), below).map((part) => frame(Type.Part, 0, id, part))
  const first = frame(Type.Split, 0, id, Buffer.from([type, flags]), u32(own.length), own.subarray(0, begun))
  const isOver = own.length + 6 > limit
  const start: ReadonlyArray<Told> = isOver ? [["oversized", type, flags, id, own.length]] : []
  const end: ReadonlyArray<Told> = isOver
    ? [["skipped", type, flags, id]]
    : [["frame", type, flags, id, own.toString("hex")]]
  return { frames: [first, ...parts], start, end }
}

/** Frames in parts, with others between them. */
const mixture = (below: (bound: number) => number) => {
  const frames: Array<Buffer> = []
  const told: Array<Told> = []
  const splits = Array.from({ length: 1 + below(maxSplits) }, (_, id) => split(id, below))
  const going = splits.map(({ frames }) => [...frames])
  while (going.some((parts) => parts.length > 0)) {
    const id = below(going.length)
    const next = going[id].shift()
    if (next === undefined) continue
    if (next[4] === Type.Split) told.push(...splits[id].start)
    else if (going[id].length === 0) told.push(...splits[id].end)
    frames.push(next)
    if (below(4) > 0) continue
    const others = sequence(below)
    frames.push(others.bytes)
    told.push(...others.told)
  }
  return { bytes: Buffer.concat(frames), told }
}

/** Hears of everything, and does nothing about it. */
const deaf: Reader.Frames = {
  frame: () => undefined,
  oversized: () => undefined,
  skipped: () => undefined,
  grant: () => undefined,
  isExpected: () => true,
  settled: () => undefined,
  garbage: () => assert.fail("These are frames")
}

describe("the reader of frames", () => {
  it.effect("tells of the same frames wherever the wire cuts them", () =>
    lucky("cuts", (below) => {
      for (let round = 0; round < 40_000; round++) {
        const { bytes, told } = sequence(below)
        assert.deepStrictEqual(tell(cut(bytes, below)), told)
      }
    }))

  it.effect("puts frames together that come in parts, each with others between, wherever the wire cuts them", () =>
    lucky("parts", (below) => {
      for (let round = 0; round < 300; round++) {
        const { bytes, told } = mixture(below)
        assert.deepStrictEqual(tell(cut(bytes, below)), told)
      }
    }))

  it.effect("tells of nothing that lies in memory which the next read will have", () =>
    lucky("shared", (below) => {
      const memory = Buffer.allocUnsafeSlow(64 * 1024)
      for (let round = 0; round < 40; round++) {
        const { bytes, told } = mixture(below)
        const kept: Array<Buffer> = []
        const { read } = Reader.make(limit, {
          ...deaf,
          frame: (_type, _flags, _id, bytes, start, end) => kept.push(bytes.subarray(start, end))
        })
        for (const chunk of cut(bytes, below)) {
          chunk.copy(memory)
          read(memory.subarray(0, chunk.length), true)
          memory.fill(0xee, 0, chunk.length)
        }
        const frames = told.filter(([kind]) => kind === "frame")
        assert.deepStrictEqual(kept.map((bytes) => bytes.toString("hex")), frames.map((frame) => frame[4]))
        assert.strictEqual(memory.length, 64 * 1024)
      }
    }))

  const begin = (id: number, size: number, type: number = Type.Message) =>
    frame(Type.Split, 0, id, Buffer.from([type, 0]), u32(size))

  it.effect("calls parts garbage that were not announced so", () =>
    Effect.sync(() => {
      const nonsense: ReadonlyArray<ReadonlyArray<Buffer>> = [
        [begin(1, 0)],
        [begin(1, 10, Type.Ping)],
        [begin(1, 10), begin(1, 10)],
        [begin(1, 10), frame(Type.Part, 0, 1, "more than ten")],
        [frame(Type.Split, 0, 1, "short")],
        Array.from({ length: maxSplits + 1 }, (_, id) => begin(id, 10))
      ]
      for (const frames of nonsense) assert.deepStrictEqual(tell(frames), [["garbage"]])
      assert.deepStrictEqual(tell([frame(Type.Part, 0, 1, "of nothing"), frame(99, 0, 1)]), [["frame", 99, 0, 1, ""]])
    }))

  it.effect("forgets what is dropped, be it in the middle of a part, and goes on behind it", () =>
    Effect.sync(() => {
      const told: Array<string> = []
      const { drop, read } = Reader.make(limit, {
        frame: (type, _flags, id, bytes, start, end) =>
          told.push(`${type} ${id} ${bytes.toString("utf8", start, end)}`),
        oversized: () => told.push("oversized"),
        skipped: () => told.push("skipped"),
        grant: () => undefined,
        isExpected: () => true,
        settled: () => undefined,
        garbage: () => told.push("garbage")
      })
      const part = frame(Type.Part, 0, 1, "12345")
      read(Buffer.concat([begin(1, 10), part.subarray(0, 12)]))
      assert.isTrue(drop(1))
      assert.isFalse(drop(1))
      read(Buffer.concat([part.subarray(12), part, begin(1, 5), part, frame(99, 0, 2, "then")]))
      assert.deepStrictEqual(told, [`${Type.Message} 1 12345`, "99 2 then"])
    }))

  it.effect("frees what it was given, unless a frame was told of that lies in it", () =>
    Effect.sync(() => {
      const { read } = Reader.make(MiB, deaf)
      const size = 40 * 1024
      const large = frame(99, 0, 1, Buffer.alloc(size))
      const parts = [
        frame(Type.Split, 0, 1, Buffer.from([Type.Message, 0]), u32(size)),
        frame(Type.Part, 0, 1, Buffer.alloc(size))
      ]
      const cases: ReadonlyArray<readonly [chunk: Buffer, freed: boolean]> = [
        [large.subarray(0, size / 2), true],
        [large.subarray(size / 2), true],
        [Buffer.concat([large, large.subarray(0, size / 2)]), false],
        [Buffer.concat([large.subarray(size / 2), frame(99, 0, 2)]), false],
        [Buffer.concat(parts), true],
        // Too long to lie where others may.
        [frame(99, 0, 3, Buffer.alloc(alone)), true]
      ]
      for (const [chunk, freed] of cases) {
        // As a socket reads: in memory of its own.
        const own = Buffer.allocUnsafeSlow(chunk.length)
        chunk.copy(own)
        read(own)
        assert.strictEqual(own.length === 0, freed)
      }
    }))

  it.effect("makes the same of any bytes, wherever they are cut, and tells of no frame behind garbage", () =>
    lucky("noise", (below) => {
      for (let round = 0; round < 40_000; round++) {
        const bytes = Buffer.alloc(below(120))
        for (let at = 0; at < bytes.length; at++) bytes[at] = below(4) === 0 ? below(256) : below(2) * below(20)
        const whole = tell([bytes])
        assert.deepStrictEqual(tell(cut(bytes, below)), whole)
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
        const all = tell(cut(Buffer.concat([bytes, lie]), below))
        const last: ReadonlyArray<Told> = length < 6 || length > 2 ** 30
          ? [["garbage"]]
          : length > limit
          ? [["oversized", 3, 0, 7, length - 6]]
          : []
        assert.deepStrictEqual(all, [...told, ...last])
      }
    }))
})
