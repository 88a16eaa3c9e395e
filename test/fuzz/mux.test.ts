import { assert, describe } from "@effect/vitest"
import { Flag, maxRoutes } from "../../src/internal/mux/frames.ts"
import * as Heads from "../../src/internal/mux/heads.ts"
import { isFailure } from "../../src/Transport.ts"
import { u32 } from "../mux/wire.ts"
import { fuzz, type Luck } from "./luck.ts"

const route = Buffer.from(JSON.stringify(["orders", "Orders.place", "application/json"]))
const headers = Buffer.from(JSON.stringify({ "x-tenant": "acme", traceparent: "00" }))

/** The own part of an `Open`, with whatever its flags announce. */
const open = (flags: number): Buffer =>
  Buffer.concat([
    u32(1),
    ...(flags & Flag.Time) === 0 ? [] : [u32(5000)],
    ...(flags & Flag.Headers) === 0 ? [] : [u32(headers.length), headers],
    Buffer.from("{}")
  ])

/** Bytes in the middle of others, as a reader has them. */
const within = (luck: Luck, bytes: Buffer) => {
  const start = luck.below(9)
  return {
    bytes: Buffer.concat([luck.bytes(start), bytes, luck.bytes(luck.below(9))]),
    start,
    end: start + bytes.length
  }
}

describe("the head of a call in a frame", () => {
  fuzz("is read within its frame, or not at all", (luck) => {
    const flags = luck.below(16)
    const { bytes, end, start } = within(luck, luck.spoil(open(flags)))
    const routes: Heads.Routes = new Map([[1, {
      service: "orders",
      method: "Orders.place",
      contentType: "text/plain"
    }]])
    const head = Heads.read(luck.pick([flags, luck.below(256)]), bytes, start, end, routes, 60)
    if (head === undefined || isFailure(head as never)) return
    const { body, call } = head as Heads.Head
    assert.isTrue(body >= start && body <= end)
    assert.isTrue(Object.values(call.headers).every((value) => typeof value === "string"))
    assert.isTrue(call.timeout === undefined || call.timeout >= 0)
  })

  fuzz("goes to a route of three texts, of which there is an end", (luck) => {
    const routes: Heads.Routes = new Map()
    for (let count = luck.pick([1, 1, 1, 1, 30]); count > 0; count--) {
      const { bytes, end, start } = within(luck, luck.spoil(route))
      const id = luck.below(2 ** 32)
      const known = Heads.learn(routes, id, bytes, start, end)
      assert.strictEqual(routes.has(id), known)
    }
    assert.isAtMost(routes.size, maxRoutes)
    for (const parts of routes.values()) {
      assert.isTrue(Object.values(parts).every((part) => typeof part === "string"))
    }
  }, 0.5)
})
