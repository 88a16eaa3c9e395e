import { assert, it } from "@effect/vitest"
import * as os from "node:os"
import { isLoopback, scan } from "../../src/internal/mdns/interfaces.ts"

const everything = { families: [4, 6], interfaces: undefined } as const

it("finds the loopback interface, in one entry for a family", () => {
  const found = scan(everything).all.filter(({ family, internal }) => internal && family === 4)
  assert.strictEqual(found.filter(({ address }) => address === "127.0.0.1").length, 1)
  const names = found.map(({ name }) => name)
  assert.strictEqual(new Set(names).size, names.length)
})

it("uses only what was chosen, by name or by address", () => {
  const [name] = Object.entries(os.networkInterfaces()).find(([, infos]) => infos?.[0]?.address === "127.0.0.1") ?? []
  assert.deepStrictEqual(
    scan({ families: [4], interfaces: ["127.0.0.1"] }).all.map((one) => [one.name, one.multicast]),
    [[name, "127.0.0.1"]]
  )
  assert.isTrue(scan({ families: [4, 6], interfaces: [name ?? ""] }).all.every((one) => one.name === name))
  assert.deepStrictEqual(scan({ families: [4, 6], interfaces: ["nowhere0"] }).all, [])
  assert.deepStrictEqual(scan({ families: [], interfaces: undefined }).all, [])
})

it("knows this machine's addresses, and none, which is what a machine without a network sends from", () => {
  const { isNear, isOwn } = scan(everything)
  for (const address of ["127.0.0.1", "0.0.0.0", ...scan(everything).all.map((one) => one.address)]) {
    assert.isTrue(isOwn(address), address)
    assert.isTrue(isNear(address), address)
  }
})

it("knows neighbours from strangers", () => {
  const { isNear, isOwn } = scan(everything)
  assert.isTrue(isNear("127.3.2.1"))
  assert.isTrue(isNear("fe80::1234:5678%eth0"))
  assert.isFalse(isOwn("fe80::1234:5678%eth0"))
  // Kept free for documentation: no network is numbered so.
  assert.isFalse(isNear("203.0.113.9"))
  assert.isFalse(isNear("2001:db8:ffff::9"))
})

it("tells an address that is good on its own machine only", () => {
  assert.isTrue(["127.0.0.1", "127.3.2.1", "::1"].every(isLoopback))
  assert.isFalse(["10.0.0.7", "fd00::1", "128.0.0.1", ""].some(isLoopback))
})
