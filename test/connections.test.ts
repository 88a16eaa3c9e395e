import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { execFileSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import * as Connections from "../src/internal/connections.ts"
import * as HttpTransport from "../src/Layers/HttpTransport.ts"
import * as MemoryTransport from "../src/Layers/MemoryTransport.ts"
import { Transport } from "../src/Transport.ts"
import * as Exchanges from "./suites/exchanges.ts"
import { bytes, call } from "./suites/exchanges.ts"

/** Connections of a transport, which counts how often it is dialled; `gate` is waited for before each. */
const counted = (transport: Transport["Service"], gate: Effect.Effect<void> = Effect.void) => {
  const seen = { dials: 0 }
  const counting = Transport.of({
    ...transport,
    connect: (address) =>
      Effect.suspend(() => {
        seen.dials++
        return Effect.andThen(gate, transport.connect(address))
      })
  })
  return { counting, seen }
}

const messageOf = (connections: Connections.Connections, address: string, insists = false) =>
  Effect.match(connections.get(address, insists), { onFailure: (error) => error.message, onSuccess: () => "connected" })

describe("an address that cannot be reached", () => {
  const nowhere = "memory://orders/7"

  it.effect("is left alone for a while, at first for a tenth of a second at most, and longer each time", () =>
    Effect.gen(function*() {
      const { counting, seen } = counted(yield* MemoryTransport.make)
      const connections = yield* Connections.make(counting)
      let longest = 100
      for (let failures = 1; failures <= 12; failures++, longest = Math.min(32_000, 2 * longest)) {
        assert.strictEqual(yield* messageOf(connections, nowhere), `${nowhere} cannot be reached`)
        assert.strictEqual(seen.dials, failures)
        const refused = yield* messageOf(connections, nowhere)
        const left = Number(/the next time is in (\d+) ms$/.exec(refused)?.[1])
        assert.isAtMost(left, longest)
        assert.strictEqual(seen.dials, failures)
        yield* TestClock.adjust(left)
      }
    }).pipe(Random.withSeed("away")))

  it.effect("is dialled all the same for who has nowhere else to go", () =>
    Effect.gen(function*() {
      const { counting, seen } = counted(yield* MemoryTransport.make)
      const connections = yield* Connections.make(counting)
      for (let dials = 1; dials <= 3; dials++) {
        assert.strictEqual(yield* messageOf(connections, nowhere, true), `${nowhere} cannot be reached`)
        assert.strictEqual(seen.dials, dials)
      }
    }))

  it.effect("is forgiven once it is reached", () =>
    Effect.gen(function*() {
      const transport = yield* MemoryTransport.make
      const connections = yield* Connections.make(transport)
      const address = "memory://orders/0"
      for (let failures = 0; failures < 5; failures++) yield* messageOf(connections, address, true)
      const scope = yield* Scope.make()
      assert.strictEqual(yield* Scope.provide(transport.listen("orders", Exchanges.echo), scope), address)
      assert.match(yield* messageOf(connections, address), /it failed 5 times/)
      assert.strictEqual(yield* messageOf(connections, address, true), "connected")
      yield* Scope.close(scope, Exit.void)
      while (connections.find(address) !== undefined) yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.strictEqual(yield* messageOf(connections, address), `${address} cannot be reached`)
      assert.match(yield* messageOf(connections, address), /dialling it failed, and/)
    }).pipe(Random.withSeed("back")))
})

describe("connections", () => {
  it.live("make room for another one: the one goes that has been idle longest", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const addresses = yield* Effect.replicateEffect(
        Effect.flatMap(
          HttpTransport.make({ host: "127.0.0.1" }),
          (server) =>
            server.listen(
              "orders",
              Exchanges.fromUnary((call, message) => call.method === "hang" ? Effect.never : Effect.succeed(message))
            )
        ),
        4
      )
      const connections = yield* Connections.make(transport, { most: 3 })
      const [busy, older, newer, another] = addresses
      const held = yield* connections.get(busy)
      const hanging = yield* Effect.forkScoped(held.unary(call("hang"), bytes("")), { startImmediately: true })
      yield* connections.get(older)
      yield* connections.get(newer)
      yield* connections.get(another)
      assert.deepStrictEqual(addresses.map((address) => connections.find(address) !== undefined), [
        true,
        false,
        true,
        true
      ])
      assert.isUndefined(hanging.pollUnsafe())
    }))

  it.live("are refused where all are in use", () =>
    Effect.gen(function*() {
      const { exchange } = yield* Exchanges.hanging
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const address = yield* transport.listen("orders", exchange)
      const connections = yield* Connections.make(transport, { most: 1 })
      const connection = yield* connections.get(address)
      yield* Effect.forkScoped(connection.unary(call("hang"), bytes("")), { startImmediately: true })
      const error = yield* Effect.flip(connections.get("micro://127.0.0.1:9"))
      assert.strictEqual(error.message, "The number of connections of 2 is over the limit of 1 at micro://127.0.0.1:9")
    }))

  it.effect("are waited for by so many callers and no more, and those who have gone do not count", () =>
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const transport = yield* MemoryTransport.make
      const address = yield* transport.listen("orders", Exchanges.echo)
      const { counting, seen } = counted(transport, Deferred.await(gate))
      const connections = yield* Connections.make(counting, { waiting: 2 })
      const caller = Effect.forkScoped(messageOf(connections, address), { startImmediately: true })
      const [one, two] = [yield* caller, yield* caller]
      assert.strictEqual(
        yield* messageOf(connections, address),
        `${address} cannot be reached: 2 calls wait for it already`
      )
      yield* Fiber.interrupt(one)
      const three = yield* caller
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual([yield* Fiber.join(two), yield* Fiber.join(three)], ["connected", "connected"])
      assert.strictEqual(seen.dials, 1)
    }))
})

/** Runs a program in a namespace of its own, where `both.test` is a name of 127.0.0.1 and of ::1. */
const withNames = (program: string, ...args: ReadonlyArray<string>) => {
  const mount =
    `f=$(mktemp) && printf '127.0.0.1 both.test\\n::1 both.test\\n' > $f && mount --bind $f /etc/hosts && rm $f`
  return ["unshare", [
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    `${mount} && exec "$@"`,
    "sh",
    program,
    ...args
  ]] as const
}

const canMount = (() => {
  try {
    return execFileSync(...withNames("cat", "/etc/hosts"), { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .includes("::1 both.test")
  } catch {
    return false
  }
})()

describe("a name of two addresses", () => {
  for (const host of ["127.0.0.1", "::1"]) {
    it.skipIf(!canMount)(
      `is reached where only ${host} listens (needs Linux, and to be allowed a mount namespace)`,
      () => {
        const program = fileURLToPath(new URL("./http/families.ts", import.meta.url))
        const said = execFileSync(...withNames(process.execPath, program, host), { encoding: "utf8", timeout: 20_000 })
        assert.strictEqual(said, "micro\nhttp\ngrpc\n")
      }
    )
  }
})
