import { assert, it } from "@effect/vitest"
import * as Cache from "../../src/internal/mdns/cache.ts"
import * as Description from "../../src/internal/mdns/description.ts"
import * as Names from "../../src/internal/mdns/names.ts"
import type { Sighting } from "../../src/internal/mdns/sighting.ts"
import { named } from "../../src/internal/mdns/sighting.ts"
import { ids, instance } from "../suites/registry.ts"

const sighting = (
  id: string,
  options?: Partial<Sighting> & { readonly version?: string; readonly service?: string }
) => {
  const { service = "orders", version = "", ...rest } = options ?? {}
  const txt = Description.encode({ service, version, metadata: {}, endpoints: [] }).map(String).join("")
  return { name: `${id}.${service}`, ttl: 10_000, port: 1, ip: "10.0.0.1", txt, ...rest }
}

const after = (...steps: ReadonlyArray<(cache: Cache.Cache) => Cache.Cache>) =>
  steps.reduce((cache, step) => step(cache), Cache.empty)

const browsing = [Cache.browse("orders"), Cache.know("orders")]

const listed = (cache: Cache.Cache, service = "orders") => ids(Cache.rosterOf(cache, service) ?? [])

/** The due ones from one moment to another, with the moments. */
const run = (cache: Cache.Cache, from: number, to: number) => {
  const asked: Array<readonly [number, string]> = []
  for (let now = from; now <= to; now = Math.max(now + 1, cache.next)) {
    const [due, next] = Cache.tick(now)(cache)
    for (const { id } of due) asked.push([now, id])
    cache = next
    if (!Number.isFinite(cache.next)) break
  }
  return { asked, cache }
}

it("knows nothing of a service until it is told that it does, whoever was heard", () => {
  const cache = after(Cache.browse("orders"), Cache.hear(sighting("a"), 0, 0))
  assert.isUndefined(Cache.rosterOf(cache, "orders"))
  assert.isTrue(Cache.isAnswered(cache, "orders"))
  assert.deepStrictEqual(listed(Cache.know("orders")(cache)), ["a"])
})

it("believes only in instances of services that are browsed", () => {
  const cache = after(Cache.hear(sighting("a"), 0, 0), ...browsing)
  assert.deepStrictEqual(Cache.rosterOf(cache, "orders"), [])
})

it("keeps the list itself when it hears the same again", () => {
  const before = after(...browsing, Cache.hear(sighting("a"), 0, 0))
  const heard = Cache.hear(sighting("a"), 5000, 0)(before)
  assert.strictEqual(Cache.rosterOf(heard, "orders"), Cache.rosterOf(before, "orders"))
  assert.deepStrictEqual(listed(run(heard, 5000, 14_999).cache), ["a"])
})

it("takes up what has changed", () => {
  const cache = after(...browsing, Cache.hear(sighting("a"), 0, 0), Cache.hear(sighting("a", { version: "2" }), 1, 0))
  assert.deepStrictEqual(Cache.rosterOf(cache, "orders")?.map(({ version }) => version), ["2"])
})

it("asks at 80, 85, 90 and 95 percent of the TTL, and drops at the end", () => {
  const { asked, cache } = run(after(...browsing, Cache.hear(sighting("a"), 0, 0)), 0, 20_000)
  assert.deepStrictEqual(asked, [[8000, "a"], [8500, "a"], [9000, "a"], [9500, "a"]])
  assert.deepStrictEqual(listed(cache), [])
  assert.strictEqual(cache.next, Infinity)
})

it("asks later, by at most 2 percent, with more luck", () => {
  assert.deepStrictEqual(run(after(...browsing, Cache.hear(sighting("a"), 0, 1)), 0, 8400).asked, [[8200, "a"]])
})

it("drops who says goodbye, and for half a second does not believe who says that he is there", () => {
  const gone = after(
    ...browsing,
    Cache.hear(sighting("a"), 0, 0),
    Cache.hear(sighting("a", { ttl: 0 }), 1000, 0),
    Cache.hear(sighting("a"), 1499, 0)
  )
  assert.deepStrictEqual(listed(gone), [])
  assert.deepStrictEqual(listed(Cache.hear(sighting("a"), 1500, 0)(gone)), ["a"])
})

const doubted = (now: number) => Cache.doubt(instance("a", { address: "http://10.0.0.1:1" }), now)

it("asks three times for who is doubted, and drops him after a second", () => {
  const { asked, cache } = run(after(...browsing, Cache.hear(sighting("a"), 0, 0), doubted(100)), 100, 1099)
  assert.deepStrictEqual(asked, [[100, "a"], [350, "a"], [700, "a"]])
  assert.deepStrictEqual(listed(cache), ["a"])
  assert.deepStrictEqual(listed(run(cache, 1100, 1100).cache), [])
})

it("doubts no more for two seconds who has answered", () => {
  const heard = after(...browsing, Cache.hear(sighting("a"), 0, 0), doubted(100), Cache.hear(sighting("a"), 200, 0))
  assert.strictEqual(doubted(2099)(heard), heard)
  assert.deepStrictEqual(run(doubted(2100)(heard), 2100, 2100).asked, [[2100, "a"]])
})

it("does not doubt who is at another address by now", () => {
  const heard = after(...browsing, Cache.hear(sighting("a", { port: 2 }), 0, 0))
  assert.strictEqual(doubted(100)(heard), heard)
})

it("believes in its own instances, whatever others say of them", () => {
  const own = instance("a", { address: "http://10.0.0.9:9" })
  const cache = after(
    Cache.own(own),
    ...browsing,
    Cache.hear(sighting("a"), 0, 0),
    Cache.hear(sighting("a", { ttl: 0 }), 0, 0),
    Cache.doubt(own, 0)
  )
  assert.deepStrictEqual(Cache.rosterOf(run(cache, 0, 100_000).cache, "orders"), [own])
  assert.deepStrictEqual(listed(Cache.disown(own, 0)(cache)), [])
})

it("forgets others, but not its own, once nobody browses", () => {
  const own = instance("own")
  const cache = after(...browsing, Cache.own(own), Cache.hear(sighting("a"), 0, 0), Cache.forget("orders"))
  assert.isUndefined(Cache.rosterOf(cache, "orders"))
  assert.deepStrictEqual(listed(after(() => cache, ...browsing)), ["own"])
  assert.strictEqual(after(() => cache, Cache.disown(own, 0)).shelves.size, 0)
})

it("tells a dot in an id from a dot in a service by what the instance says", () => {
  const cache = after(
    Cache.browse("b"),
    Cache.know("b"),
    Cache.browse("a.b"),
    Cache.know("a.b"),
    Cache.hear(sighting("x", { service: "a.b" }), 0, 0),
    Cache.hear(sighting("y.a", { service: "b" }), 0, 0)
  )
  assert.deepStrictEqual(listed(cache, "a.b"), ["x"])
  assert.deepStrictEqual(listed(cache, "b"), ["y.a"])
})

const listing = [Cache.browse(Names.listing), Cache.know(Names.listing)]

it("learns the names of services from the list, and from instances that are announced", () => {
  const entry = { name: "users._services", ttl: 10_000, port: 9999, ip: "0.0.0.0", txt: "" }
  const cache = after(...listing, Cache.hear(entry, 0, 0), Cache.hear(sighting("a"), 0, 0))
  assert.deepStrictEqual(listed(cache, Names.listing), ["orders", "users"])
})

it("asks for the name of a service when an instance of it says goodbye", () => {
  const cache = after(...listing, Cache.hear(sighting("a"), 0, 0), Cache.hear(sighting("a", { ttl: 0 }), 50, 0))
  const { asked, cache: later } = run(cache, 50, 1100)
  assert.deepStrictEqual(asked[0], [50, "orders"])
  assert.deepStrictEqual(listed(later, Names.listing), [])
})

it("asks whether others are left when the last instance of its own leaves", () => {
  const cache = after(...listing, Cache.own(named("orders")), Cache.disownName("orders", 0))
  assert.deepStrictEqual(run(cache, 0, 0).asked, [[0, "orders"]])
  assert.deepStrictEqual(listed(run(cache, 0, 999).cache, Names.listing), ["orders"])
  assert.deepStrictEqual(listed(run(cache, 0, 1000).cache, Names.listing), [])
})

it("believes in no more instances than it has room for", () => {
  let cache = after(...browsing)
  const template = sighting("x")
  for (let n = 0; n < 70; n++) {
    const fill = Array.from({ length: 64 }, (_, m) => ({ ...template, name: `${n}-${m}.orders` }))
    cache = fill.reduce((cache, one) => Cache.hear(one, 0, 0)(cache), cache)
  }
  assert.strictEqual(Cache.rosterOf(cache, "orders")?.length, Cache.capacity)
})

it("keeps its list sorted by id", () => {
  const cache = ["b", "a-2", "B", "a-10"].reduce(
    (cache, id) => Cache.hear(sighting(id), 0, 0)(cache),
    after(...browsing)
  )
  assert.deepStrictEqual(listed(cache), ["B", "a-10", "a-2", "b"])
})
