import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Bundle from "../../src/internal/broker/http/bundle.ts"
import * as Parcel from "../../src/internal/broker/http/parcel.ts"
import * as Sent from "../../src/internal/broker/http/sent.ts"
import * as Sheet from "../../src/internal/broker/http/sheet.ts"
import { Numbered } from "../../src/internal/broker/series.ts"

const headers = { "content-type": "application/json" }

/** Events with bodies of these sizes. */
const series = (sizes: ReadonlyArray<number>, name = "a") =>
  sizes.map((size, place) => new Numbered(name, place, headers, new Uint8Array(size)))

const bundles = (count: number) => {
  const sheets = Sheet.cut(series(Array.from({ length: count }, () => 10)))
  return Bundle.of(Parcel.make("all", count, () => undefined), sheets, false)
}

const placesOf = (list: ReadonlyArray<Bundle.Bundle> | undefined) =>
  list?.flatMap(({ first, messages }) => messages.map((_, index) => first + index))

describe("the sheets of a publishing", () => {
  it("have so many events and bytes at most, and a large event alone", () => {
    const sizes = (list: ReadonlyArray<number>) =>
      Sheet.cut(series(list)).map(({ bytes, first, messages }) => [first, messages.length, bytes])
    assert.deepStrictEqual(sizes(Array.from({ length: 1030 }, () => 1)), [[0, 512, 512], [512, 512, 512], [1024, 6, 6]])
    assert.deepStrictEqual(sizes([30_000, 30_000, 30_000]), [[0, 2, 60_000], [2, 1, 30_000]])
    assert.deepStrictEqual(sizes([5, 65_536, 0, 5]), [[0, 1, 5], [1, 1, 65_536], [2, 2, 5]])
  })

  it("have events of one series and with the same headers", () => {
    const own = { id: "own", headers, body: new Uint8Array(1) }
    const [one, two, three] = series([1, 1, 1])
    const other = new Numbered("a", 3, { ...headers }, new Uint8Array(1))
    const cut = Sheet.cut([one, two, own, own, three, other, ...series([1, 1], "b"), two])
    assert.deepStrictEqual(cut.map(({ messages }) => messages.length), [2, 1, 1, 1, 1, 2, 1])
  })
})

describe("what was sent", () => {
  it("is taken out by its numbers, once", () => {
    const sent = Sent.make()
    for (const bundle of bundles(1030)) sent.enter(bundle)
    assert.deepStrictEqual(placesOf(sent.take(0, 2)), [0, 1])
    assert.deepStrictEqual(placesOf(sent.take(510, 4)), [510, 511, 512, 513])
    assert.isUndefined(sent.take(1, 1))
    assert.isUndefined(sent.take(509, 2))
    assert.isUndefined(sent.take(1029, 2))
    assert.strictEqual(placesOf(sent.all())?.length, 1024)
    assert.strictEqual(placesOf(sent.clear())?.[0], 2)
    assert.isUndefined(sent.take(2, 1))
  })

  it.effect("is complete, whatever is taken out of it in whatever order", () =>
    Effect.gen(function*() {
      const count = 3000
      const sent = Sent.make()
      for (const bundle of bundles(count)) sent.enter(bundle)
      const open = new Set(Array.from({ length: count }, (_, place) => place))
      for (let round = 0; round < 4000; round++) {
        const from = yield* Random.nextIntBetween(0, count - 1)
        const length = yield* Random.nextIntBetween(1, 20)
        const places = Array.from({ length }, (_, index) => from + index)
        const isThere = places.every((place) => open.has(place))
        assert.deepStrictEqual(placesOf(sent.take(from, length)), isThere ? places : undefined)
        if (isThere) { for (const place of places) open.delete(place) }
      }
      const rest = sent.all()
      assert.deepStrictEqual(placesOf(rest), [...open])
      assert.strictEqual(Bundle.sizeOf(rest).bytes, 10 * open.size)
    }).pipe(Random.withSeed("what was sent")))
})
