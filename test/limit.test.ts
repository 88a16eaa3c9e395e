import { assert, describe, it } from "@effect/vitest"
import * as Limit from "../src/internal/rpc/limit.ts"

/** Feeds a limit with a full house for so many milliseconds, where a call takes what `millis` says of so many. */
const feed = (limit: Limit.Limit, profile: Limit.Profile, from: number, to: number, millis: (n: number) => number) => {
  const values: Array<number> = []
  let now = from
  while (now < to) {
    const running = limit.value
    const took = millis(running)
    // As many end in this time as run in it.
    now += Math.max(1, took)
    for (let call = 0; call < running && call < 50; call++) Limit.sample(limit, profile, took, now, running)
    values.push(limit.value)
  }
  return values
}

const options = { min: 4, max: 1000 }

/** What a call takes where so many are at work and the others wait. */
const workers = (count: number, work: number) => (running: number) => Math.max(1, running / count) * work

describe("a limit", () => {
  it("grows to its maximum while calls take what they always take", () => {
    const limit = Limit.make(options, 0)
    const profile = Limit.profile()
    feed(limit, profile, 0, 20_000, () => 300)
    assert.strictEqual(limit.value, 1000)
    assert.approximately(profile.floor, 300, 1)
  })

  it("comes to rest where calls take twice their floor, and finds a floor that it has never seen", () => {
    const limit = Limit.make(options, 0)
    const profile = Limit.profile()
    // A hundred at once is what it begins with, and six times too many: what it takes for the floor is none.
    const values = feed(limit, profile, 0, 60_000, workers(16, 10))
    assert.approximately(profile.floor, 10, 2)
    const rest = values.slice(-10).toSorted((a, b) => a - b)[5]
    assert.isTrue(rest >= 24 && rest <= 48, `it rests at ${rest}`)
  })

  it("does not drift in an overload of an hour", () => {
    const limit = Limit.make(options, 0)
    const values = feed(limit, Limit.profile(), 0, 3_600_000, workers(16, 10))
    assert.isBelow(Math.max(...values.slice(-1000)), 64)
  })

  it("returns to where it was when what calls wait for is slow, and not each other", () => {
    const limit = Limit.make(options, 0)
    const profile = Limit.profile()
    feed(limit, profile, 0, 20_000, () => 50)
    feed(limit, profile, 20_000, 60_000, () => 200)
    assert.strictEqual(limit.value, 1000)
    assert.approximately(profile.floor, 200, 20)
  })

  it("stays where it is while few run", () => {
    const limit = Limit.make(options, 0)
    const profile = Limit.profile()
    for (let now = 0; now < 10_000; now++) Limit.sample(limit, profile, 5, now, 3)
    assert.strictEqual(limit.value, 100)
  })

  it("is never less than its minimum, nor more than its maximum", () => {
    const limit = Limit.make({ min: 8, max: 16 }, 0)
    assert.strictEqual(limit.value, 16)
    const profile = Limit.profile()
    const slow = feed(limit, profile, 0, 20_000, (running) => running * running)
    assert.isAtLeast(Math.min(...slow), 8)
    assert.isAtMost(Math.max(...slow), 16)
  })

  it("judges a slow method and a fast one each by its own floor", () => {
    const limit = Limit.make(options, 0)
    const [slow, fast] = [Limit.profile(), Limit.profile()]
    for (let now = 0; now < 20_000; now++) {
      // First one in a hundred is slow, then nearly all are.
      const many = now > 10_000 ? 90 : 1
      if (now % 100 < many) Limit.sample(limit, slow, 500, now, limit.value)
      else Limit.sample(limit, fast, 1, now, limit.value)
    }
    assert.strictEqual(limit.value, 1000)
  })

  it("takes calls that take no time at all for no reason to hold back", () => {
    const limit = Limit.make(options, 0)
    feed(limit, Limit.profile(), 0, 5000, () => 0)
    assert.strictEqual(limit.value, 1000)
  })
})
