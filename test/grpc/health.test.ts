/** Whether a service takes calls, as any client of gRPC asks. */
import { assert, describe, it } from "@effect/vitest"
import { type Client, status } from "@grpc/grpc-js"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { Registry } from "../../src/Registry.ts"
import { type Exchange, failure } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes } from "../suites/exchanges.ts"
import { client as callers, makeRegistry, overHttp, serve } from "../suites/fleet.ts"
import { handlers, Shop } from "../suites/rpc.ts"
import * as Peers from "./peers.ts"
import * as Programs from "./programs.ts"

/** A request for a service. */
const request = (service: string) => Buffer.concat([Buffer.from([0x0a, service.length]), bytes(service)])

const path = "/grpc.health.v1.Health"

const states: Readonly<Record<string, string>> = { "0801": "SERVING", "0802": "NOT_SERVING", "0803": "SERVICE_UNKNOWN" }

const shown = (reply: Uint8Array): string => states[Buffer.from(reply).toString("hex")] ?? "nonsense"

const check = (client: Client, service: string) =>
  Peers.unary(client, `${path}/Check`, request(service)).pipe(
    Effect.map(shown),
    Effect.catch(({ code, details }) => Effect.succeed(`${status[code]}: ${details}`))
  )

/** What is told of a service, as it comes. */
const watch = (client: Client, service: string) =>
  Effect.gen(function*() {
    const call = yield* Peers.bidi(client, `${path}/Watch`)
    const told = yield* Queue.unbounded<string>()
    call.on("data", (reply: Buffer) => Queue.offerUnsafe(told, shown(reply)))
    call.on("status", ({ code }: { readonly code: number }) => Queue.offerUnsafe(told, status[code]))
    call.write(request(service))
    call.end()
    return told
  })

/** Takes calls until told not to. */
const leaving = () => {
  let isLeaving = false
  const exchange: Exchange = {
    ...Exchanges.echo,
    unary: (_call, message) => Effect.sync(() => isLeaving ? failure("Unavailable", "leaving") : message)
  }
  return { exchange, leave: Effect.sync(() => (isLeaving = true)) }
}

describe("the health of services", () => {
  it.live("is told of each of them by its names, and of all together", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const orders = leaving()
      const port = Number(new URL(yield* transport.listen("acme.orders", orders.exchange)).port)
      yield* transport.listen("till", Exchanges.echo)
      const client = yield* Peers.client(port)
      for (const name of ["", "acme.orders", "acme.orders.Orders", "till"]) {
        assert.strictEqual(yield* check(client, name), "SERVING", name)
      }
      assert.strictEqual(yield* check(client, "strange"), "NOT_FOUND: strange is not served here")
      yield* orders.leave
      for (const name of ["", "acme.orders", "acme.orders.Orders"]) {
        assert.strictEqual(yield* check(client, name), "NOT_SERVING", name)
      }
      assert.strictEqual(yield* check(client, "till"), "SERVING")
    }))

  it.live("is watched until the port closes", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const scope = yield* Scope.make()
      const orders = leaving()
      const port = Number(new URL(yield* Scope.provide(transport.listen("orders", orders.exchange), scope)).port)
      const client = yield* Peers.client(port)
      const [known, late] = [yield* watch(client, "orders"), yield* watch(client, "late")]
      assert.strictEqual(yield* Queue.take(known), "SERVING")
      assert.strictEqual(yield* Queue.take(late), "SERVICE_UNKNOWN")
      yield* orders.leave
      assert.strictEqual(yield* Queue.take(known), "NOT_SERVING")
      yield* Scope.provide(transport.listen("late", Exchanges.echo), scope)
      assert.strictEqual(yield* Queue.take(late), "SERVING")
      yield* Scope.close(scope, Exit.void)
      assert.include(["CANCELLED", "UNAVAILABLE"], yield* Queue.take(known))
    }))

  it.live("is bad while a contract's service lets its last calls finish", () =>
    Effect.gen(function*() {
      const started = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const slow = Effect.andThen(Deferred.succeed(started, undefined), Deferred.await(gate))
      const parts = { registry: Layer.succeed(Registry, yield* makeRegistry), transport: overHttp() }
      const server = yield* serve(Shop, { ...handlers, ping: () => slow }, parts)
      const shop = yield* callers(Shop, parts)
      const client = yield* Peers.client(Number(new URL(server.address).port))
      const name = Shop.key
      assert.strictEqual(yield* check(client, name), "SERVING")
      const caller = yield* Effect.forkScoped(shop.ping())
      yield* Deferred.await(started)
      const left = yield* Effect.forkScoped(server.leave, { startImmediately: true })
      assert.strictEqual(yield* check(client, name), "NOT_SERVING")
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(caller)
      yield* Fiber.join(left)
    }))

  it.live("is told in protobuf, and of nothing that is no request", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const client = yield* Peers.client(Number(new URL(yield* transport.listen("orders", Exchanges.echo)).port))
      const ask = (method: string, message: Uint8Array) =>
        Effect.map(Effect.flip(Peers.unary(client, `${path}/${method}`, message)), ({ code }) => status[code])
      assert.strictEqual(yield* ask("Check", Buffer.from("0affff", "hex")), "INVALID_ARGUMENT")
      assert.strictEqual(yield* ask("Watch", Buffer.from("07", "hex")), "INVALID_ARGUMENT")
      assert.strictEqual(yield* ask("List", request("")), "UNIMPLEMENTED")
    }))

  it.live.skipIf(Programs.isMissing("grpc-health-probe"))(
    `satisfies the probe of Kubernetes${Programs.note("grpc-health-probe")}`,
    () =>
      Effect.gen(function*() {
        const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
        const orders = leaving()
        const port = Number(new URL(yield* transport.listen("orders", orders.exchange)).port)
        const probe = Programs.run("grpc-health-probe", [`-addr=127.0.0.1:${port}`, "-service=orders"])
        const good = yield* probe
        assert.include(good.output, "status: SERVING")
        assert.strictEqual(good.code, 0)
        yield* orders.leave
        assert.strictEqual((yield* probe).code, 4)
      })
  )
})
