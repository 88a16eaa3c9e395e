/** How busy a server is, over the multiplexed lane: asked, answered, and told beside replies. */
import { assert, describe, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as TestClock from "effect/testing/TestClock"
import { Flag, Type } from "../../src/internal/mux/frames.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import type { Busy } from "../../src/Load.ts"
import * as Transport from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call } from "../suites/exchanges.ts"
import type { Peer } from "./wire.ts"
import { dial, type Frame, frame, listen, u32 } from "./wire.ts"

const route = frame(Type.Route, 0, 0, JSON.stringify(["orders", "echo", "text/plain"]))
const ask = (id: number) => frame(Type.Open, Flag.Last, id, u32(0), "there")
const probe = frame(Type.Probe, 0, 0)
const load = (inFlight: number, micros: number, flags: number = Flag.Answer) =>
  frame(Type.Load, flags, 0, u32(inFlight), u32(micros))

/** A server that is as busy as the test says, and a raw client of it. */
const serve = (busy: Record<string, Busy>) =>
  Effect.gen(function*() {
    const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
    let address = yield* transport.listen("orders", { ...Exchanges.echo, load: () => busy["orders"] })
    for (const service of Object.keys(busy)) {
      if (service === "orders") continue
      address = yield* transport.listen(service, { ...Exchanges.echo, load: () => busy[service] })
    }
    return yield* dial(Number(new URL(address).port))
  })

const told = ({ body, flags, type }: Frame) => ({
  type,
  isAnswer: flags === Flag.Answer,
  inFlight: body.readUInt32BE(0),
  micros: body.readUInt32BE(4)
})

/** A client, and the raw server at the other end. */
const pair = (limits: object) =>
  Effect.gen(function*() {
    const accepted = yield* Deferred.make<Peer>()
    const address = yield* listen((peer) => Deferred.doneUnsafe(accepted, Exit.succeed(peer)), limits)
    const transport = yield* HttpTransport.make()
    return { connection: yield* transport.connect(address), server: yield* Deferred.await(accepted) }
  })

describe("a server that is asked how busy it is", () => {
  it.effect("answers each question at once", () =>
    Effect.gen(function*() {
      const { frames, send } = yield* serve({ orders: { inFlight: 3, serviceTime: 1.5 } })
      send(probe, probe)
      const answer = { type: Type.Load, isAnswer: true, inFlight: 3, micros: 1500 }
      assert.deepStrictEqual(told(yield* Queue.take(frames)), answer)
      assert.deepStrictEqual(told(yield* Queue.take(frames)), answer)
    }))

  it.effect("tells it beside replies from then on, every 5 ms at most, and never before", () =>
    Effect.gen(function*() {
      const { frames, send } = yield* serve({ orders: { inFlight: 1, serviceTime: 10 } })
      const types: Array<number> = []
      const take = Effect.tap(Queue.take(frames), ({ type }) => Effect.sync(() => types.push(type)))
      send(route, ask(0))
      yield* take
      send(probe, ask(0), ask(1))
      yield* Effect.repeat(take, { times: 2 })
      yield* TestClock.adjust("5 millis")
      send(ask(0), ask(1), frame(Type.Ping, 0, 0))
      yield* Effect.repeat(take, { times: 3 })
      const { Load, Message, Pong } = Type
      assert.deepStrictEqual(types, [Message, Load, Message, Message, Load, Message, Message, Pong])
    }))

  it.effect("speaks for all services of its port", () =>
    Effect.gen(function*() {
      const { frames, send } = yield* serve({
        orders: { inFlight: 3, serviceTime: 10 },
        stock: { inFlight: 0, serviceTime: 5 },
        unused: { inFlight: 0, serviceTime: 0 }
      })
      send(probe)
      assert.deepInclude(told(yield* Queue.take(frames)), { inFlight: 3, micros: 9000 })
    }))

  it.effect("has nothing to do where no service tells", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
      const { frames, send } = yield* dial(Number(new URL(yield* transport.listen("orders", Exchanges.echo)).port))
      send(probe)
      assert.deepInclude(told(yield* Queue.take(frames)), { inFlight: 0, micros: 0 })
    }))
})

describe("a client that asks how busy a server is", () => {
  it.live("has one question under way, however many want to know", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair({ probes: true })
      assert.isUndefined(connection.load!())
      const asking = yield* Effect.forkScoped(
        Effect.all(Array.from({ length: 10 }, () => connection.probe!), { concurrency: "unbounded" }),
        { startImmediately: true }
      )
      assert.strictEqual((yield* Queue.take(server.frames)).type, Type.Probe)
      server.send(frame(Type.Ping, 0, 0))
      assert.strictEqual((yield* Queue.take(server.frames)).type, Type.Pong)
      server.send(load(7, 2500))
      const loads = yield* Fiber.join(asking)
      assert.strictEqual(new Set(loads).size, 1)
      assert.deepInclude(loads[0], { inFlight: 7, serviceTime: 2.5 })
      assert.isAbove(loads[0]!.roundTrip, 0)
      assert.strictEqual(connection.load!(), loads[0])
    }))

  it.live("takes in an answer that nobody waits for any more, and what comes beside replies", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair({ probes: true })
      const asking = yield* Effect.forkScoped(connection.probe!, { startImmediately: true })
      yield* Queue.take(server.frames)
      yield* Fiber.interrupt(asking)
      const answered = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")), { startImmediately: true })
      yield* Queue.take(server.frames)
      const { id } = yield* Queue.take(server.frames)
      server.send(load(7, 2500), load(8, 3000, 0), frame(Type.Message, Flag.Last, id, "there"))
      yield* Fiber.join(answered)
      const { inFlight, roundTrip, serviceTime } = connection.load!()!
      assert.deepStrictEqual([inFlight, serviceTime], [8, 3])
      assert.isAbove(roundTrip, 0)
    }))

  it.live("learns that there will be no answer when the connection ends", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* pair({ probes: true })
      const asking = yield* Effect.forkScoped(Effect.flip(connection.probe!), { startImmediately: true })
      yield* Queue.take(server.frames)
      server.socket.destroy()
      assert.strictEqual((yield* Fiber.join(asking)).reason._tag, "ConnectionLost")
      yield* connection.closed
      assert.strictEqual((yield* Effect.flip(connection.probe!)).reason._tag, "NotConnected")
    }))

  it.live("asks nobody who does not say that it can be asked", () =>
    Effect.gen(function*() {
      const { connection } = yield* pair({})
      assert.isUndefined(connection.probe)
      const there = yield* HttpTransport.make({ host: "127.0.0.1" })
      const address = yield* there.listen("orders", Exchanges.echo)
      for (const lane of ["http:", "grpc:"]) {
        const other = yield* there.connect(address.replace("micro:", lane))
        assert.isUndefined(other.probe)
      }
    }))

  it.live.each(["a report that nobody asked for", "a report without a number"])(
    "gives up a server that sends %s",
    (it) =>
      Effect.gen(function*() {
        const { connection, server } = yield* pair({ probes: true })
        if (it.endsWith("number")) {
          yield* Effect.forkScoped(Effect.exit(connection.probe!), { startImmediately: true })
          yield* Queue.take(server.frames)
          server.send(frame(Type.Load, Flag.Answer, 0, u32(1)))
        } else server.send(load(1, 1))
        yield* connection.closed
      })
  )
})

describe("middleware", () => {
  it.live("on either side lets reports through", () =>
    Effect.gen(function*() {
      const same: Transport.Middleware = ({ stream, unary }) => ({ stream, unary })
      const wrapped = Transport.layerWrap({ client: same, server: same }).pipe(
        Layer.provide(HttpTransport.layer({ host: "127.0.0.1" }))
      )
      const transport = Context.get(yield* Layer.build(wrapped), Transport.Transport)
      const busy = { inFlight: 2, serviceTime: 4 }
      const connection = yield* transport.connect(
        yield* transport.listen("orders", { ...Exchanges.echo, load: () => busy })
      )
      assert.deepInclude(yield* connection.probe!, busy)
      assert.deepInclude(connection.load!(), busy)
    }))
})
