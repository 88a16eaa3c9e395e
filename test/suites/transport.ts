/** The laws of a transport, run against every layer of the tag. */
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Transport from "../../src/Transport.ts"
import * as Exchanges from "./exchanges.ts"
import { bytes, call, text } from "./exchanges.ts"

type Proof = Effect.Effect<void, Transport.TransportError, Transport.Transport | Scope.Scope>
type Law = (sentence: string, proof: Proof) => void

/** Proves that a layer is a transport. */
export const transportSuite = <E>(name: string, layer: Layer.Layer<Transport.Transport, E>): void => {
  const law: Law = (sentence, proof) => it.live(sentence, () => Effect.provide(proof, layer))
  describe(`${name} carries calls`, () => carrying(law))
  describe(`${name} tells of failures`, () => failing(law))
  describe(`${name} cancels`, () => cancelling(law))
  describe(`${name} ends`, () => ending(law))
  describe(`${name} lets a slow reader stop the writer`, () => flowing(law))
}

/** Listens for `orders`, and connects to it. */
export const pair = (exchange: Transport.Exchange) =>
  Effect.gen(function*() {
    const transport = yield* Transport.Transport
    return yield* transport.connect(yield* transport.listen("orders", exchange))
  })

/** Why a call failed on the wire. */
export const reasonOf = <A>(effect: Effect.Effect<A, Transport.TransportError>): Effect.Effect<string> =>
  Effect.match(effect, { onFailure: ({ reason }) => reason._tag, onSuccess: () => "it succeeded" })

// ---------------------------------------------------------------------------------------------------------------------

const carrying = (law: Law): void => {
  law(
    "gives the handler the call as it was made, and its caller the reply",
    Effect.gen(function*() {
      const seen = yield* Deferred.make<readonly [Transport.Call, string]>()
      const connection = yield* pair(
        Exchanges.fromUnary((call, message) =>
          Effect.as(Deferred.succeed(seen, [call, text(message)] as const), bytes("pong"))
        )
      )
      const made = call("Orders.place", {
        contentType: "application/x-test",
        headers: { "x-origin": "till 7", "x-größe": "naïve ✓", empty: "" },
        timeout: 60_000
      })
      assert.strictEqual(text(yield* connection.unary(made, bytes("ping"))), "pong")
      assert.deepStrictEqual(yield* Deferred.await(seen), [made, "ping"] as const)
    })
  )

  law(
    "makes of a unary call the head of a stream, whatever the reply",
    Effect.gen(function*() {
      const connection = yield* pair(Exchanges.parrot)
      for (const word of ["fine", ...Exchanges.statuses]) {
        const unary = yield* connection.unary(call("say"), bytes(word))
        const fromOne = yield* Stream.runCollect(connection.stream(call("say"), bytes(word)))
        const fromStream = yield* Stream.runCollect(connection.stream(call("say"), Stream.succeed(bytes(word))))
        assert.deepStrictEqual(plain(unary), plain(Exchanges.said(word)))
        assert.deepStrictEqual(fromOne.map(plain), [plain(unary)])
        assert.deepStrictEqual(fromStream.map(plain), [plain(unary)])
      }
    })
  )

  law(
    "carries one message to many replies",
    Effect.gen(function*() {
      const connection = yield* pair(
        Exchanges.fromStream((_call, messages) =>
          Stream.flatMap(Exchanges.streamed(messages), (message) => Exchanges.numbered(Number(text(message))))
        )
      )
      const replies = yield* Stream.runCollect(connection.stream(call("count"), bytes("1000")))
      assert.deepStrictEqual(replies.map(text), Array.from({ length: 1000 }, (_, index) => String(index)))
    })
  )

  law(
    "carries many messages to one reply",
    Effect.gen(function*() {
      const connection = yield* pair(Exchanges.fromStream((_call, messages) =>
        Exchanges.streamed(messages).pipe(
          Stream.runCollect,
          Effect.map((all) => bytes(all.map(text).join(" "))),
          Stream.fromEffect
        )
      ))
      const replies = yield* Stream.runCollect(connection.stream(call("join"), Exchanges.numbered(1000)))
      assert.deepStrictEqual(replies.map(text), [Array.from({ length: 1000 }, (_, index) => index).join(" ")])
    })
  )

  law(
    "carries a conversation, each message after the reply to the one before",
    Effect.gen(function*() {
      const connection = yield* pair(Exchanges.echo)
      const turns = Array.from({ length: 5 }, () => Deferred.makeUnsafe<void>())
      const messages = Stream.fromIterable(turns.keys()).pipe(
        Stream.rechunk(1),
        Stream.mapEffect((turn) =>
          Effect.as(turn === 0 ? Effect.void : Deferred.await(turns[turn - 1]), bytes(`${turn}`))
        )
      )
      const heard: Array<string> = []
      yield* Stream.runForEach(connection.stream(call("echo"), messages), (reply) => {
        heard.push(text(reply))
        return Deferred.succeed(turns[Number(text(reply))], undefined)
      })
      assert.deepStrictEqual(heard, ["0", "1", "2", "3", "4"])
    })
  )

  law(
    "answers a stream of no messages with a stream of no replies",
    Effect.gen(function*() {
      const connection = yield* pair(Exchanges.echo)
      assert.deepStrictEqual(yield* Stream.runCollect(connection.stream(call("echo"), Stream.empty)), [])
    })
  )

  law(
    "carries messages that are empty, of every byte, and of a megabyte",
    Effect.gen(function*() {
      const connection = yield* pair(Exchanges.echo)
      const messages = [
        new Uint8Array(0),
        Uint8Array.from({ length: 256 }, (_, byte) => byte),
        Uint8Array.from({ length: 1024 * 1024 }, (_, index) => (index * 31) % 251)
      ]
      for (const message of messages) assert.isTrue(same(yield* connection.unary(call("echo"), message), message))
      const replies = yield* Stream.runCollect(connection.stream(call("echo"), Stream.fromArray(messages)))
      assert.strictEqual(replies.length, 3)
      for (const [index, reply] of replies.entries()) assert.isTrue(same(reply, messages[index]))
    })
  )

  law(
    "keeps empty messages apart",
    Effect.gen(function*() {
      const connection = yield* pair(Exchanges.echo)
      const messages = Stream.fromArray(Array.from({ length: 50_000 }, () => new Uint8Array(0)))
      assert.strictEqual(yield* Stream.runCount(connection.stream(call("echo"), messages)), 50_000)
    })
  )

  law(
    "gives each of 200 calls at once its own reply, in whatever order they end",
    Effect.gen(function*() {
      const gates = Array.from({ length: 200 }, () => Deferred.makeUnsafe<void>())
      const all = yield* Deferred.make<void>()
      let running = 0
      const connection = yield* pair(Exchanges.fromUnary((_call, message) =>
        Effect.gen(function*() {
          if (++running === 200) yield* Deferred.succeed(all, undefined)
          yield* Deferred.await(gates[Number(text(message))])
          return bytes(`answer ${text(message)}`)
        })
      ))
      const calls = yield* Effect.forEach(
        gates,
        (_, index) => Effect.forkScoped(connection.unary(call("ask"), bytes(`${index}`)), { startImmediately: true })
      )
      yield* Deferred.await(all)
      for (const gate of gates.toReversed()) yield* Deferred.succeed(gate, undefined)
      const answers = yield* Effect.forEach(calls, Fiber.join)
      assert.deepStrictEqual(answers.map(text), gates.map((_, index) => `answer ${index}`))
    })
  )

  law(
    "serves several services, and says of others that they are unimplemented",
    Effect.gen(function*() {
      const transport = yield* Transport.Transport
      for (const service of ["orders", "stock"]) {
        const address = yield* transport.listen(service, Exchanges.fromUnary(() => Effect.succeed(bytes(service))))
        const connection = yield* transport.connect(address)
        assert.strictEqual(text(yield* connection.unary(call("ask", { service }), bytes(""))), service)
        const strange = call("ask", { service: "strange" })
        const replies = yield* Stream.runCollect(connection.stream(strange, bytes("")))
        for (const reply of [yield* connection.unary(strange, bytes("")), ...replies]) {
          assert.strictEqual(statusOf(reply), "Unimplemented")
        }
        assert.strictEqual(replies.length, 1)
      }
    })
  )
}

const failing = (law: Law): void => {
  law(
    "carries when to come back",
    Effect.gen(function*() {
      const busy = Transport.failure("Overloaded", "later", 1500)
      const connection = yield* pair(Exchanges.fromUnary(() => Effect.succeed(busy)))
      assert.deepStrictEqual(plain(yield* connection.unary(call("ask"), bytes(""))), plain(busy))
      const replies = yield* Stream.runCollect(connection.stream(call("ask"), bytes("")))
      assert.deepStrictEqual(replies.map(plain), [plain(busy)])
    })
  )

  law(
    "lets nothing follow a failure",
    Effect.gen(function*() {
      const replies = [bytes("one"), Transport.failure("Error", "no"), bytes("two"), Transport.failure("Defect", "")]
      const connection = yield* pair(Exchanges.fromStream(() => Stream.fromArray(replies)))
      const heard = yield* Stream.runCollect(connection.stream(call("ask"), bytes("")))
      assert.deepStrictEqual(heard.map(plain), replies.slice(0, 2).map(plain))
    })
  )

  law(
    "answers with a defect for a handler that died, and goes on",
    Effect.gen(function*() {
      const connection = yield* pair(Exchanges.broken)
      for (const method of ["die", "throw"]) {
        const unary = yield* connection.unary(call(method), bytes(""))
        assert.strictEqual(statusOf(unary), "Defect")
        assert.include(text(unary), "a bug")
        const replies = yield* Stream.runCollect(connection.stream(call(method), bytes("")))
        assert.deepStrictEqual(replies.map(statusOf), ["Defect"])
        assert.include(text(replies[0]), "a bug")
      }
      const late = yield* Stream.runCollect(connection.stream(call("late"), bytes("")))
      assert.deepStrictEqual(late.map(statusOf), [undefined, "Defect"])
      assert.strictEqual(text(yield* connection.unary(call("fine"), bytes("yes"))), "yes")
    })
  )

  law(
    "ends a call whose messages die, and interrupts its handler",
    Effect.gen(function*() {
      const { exchange, interrupted } = yield* Exchanges.reading
      const connection = yield* pair(exchange)
      const messages = Stream.concat(Stream.succeed(bytes("one")), Stream.die(new Error("a bug of the caller")))
      const exit = yield* Effect.exit(Stream.runDrain(connection.stream(call("read"), messages)))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      yield* Deferred.await(interrupted)
      assert.strictEqual(text(yield* connection.unary(call("fine"), bytes("yes"))), "yes")
    })
  )

  law(
    "refuses a call whose time is up before it has come, and runs no handler",
    Effect.gen(function*() {
      const seen: Array<string> = []
      const connection = yield* pair({
        unary: (call, message) => {
          seen.push(call.method)
          return Effect.succeed(message)
        },
        stream: (call, messages) => {
          seen.push(call.method)
          return Exchanges.streamed(messages)
        }
      })
      for (const timeout of [0, -1]) {
        const late = call("late", { timeout })
        const replies = [
          yield* connection.unary(late, bytes("")),
          ...(yield* Stream.runCollect(connection.stream(late, bytes("")))),
          ...(yield* Stream.runCollect(connection.stream(late, Stream.succeed(bytes("")))))
        ]
        assert.deepStrictEqual(replies.map(statusOf), Array(3).fill("DeadlineExceeded"))
      }
      // Behind them on the same connection, so that they have come as far as they will.
      assert.strictEqual(text(yield* connection.unary(call("fine"), bytes("yes"))), "yes")
      assert.deepStrictEqual(seen, ["fine"])
    })
  )

  law(
    "tells a caller of its deadline, and interrupts the handler",
    Effect.gen(function*() {
      for (const kind of ["unary", "stream"] as const) {
        const { exchange, interrupted } = yield* Exchanges.hanging
        const connection = yield* Effect.scoped(Effect.gen(function*() {
          const connection = yield* pair(exchange)
          const late = call("hang", { timeout: 20 })
          const replies = kind === "unary"
            ? [yield* connection.unary(late, bytes(""))]
            : yield* Stream.runCollect(connection.stream(late, bytes("")))
          assert.deepStrictEqual(replies.map(statusOf), ["DeadlineExceeded"])
          yield* Deferred.await(interrupted)
          return connection
        }))
        assert.strictEqual(yield* reasonOf(connection.unary(call("fine"), bytes(""))), "NotConnected")
      }
    })
  )
}

const cancelling = (law: Law): void => {
  law(
    "interrupts the handler of a unary call with its caller",
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const connection = yield* pair(exchange)
      const caller = yield* Effect.forkScoped(connection.unary(call("hang"), bytes("")))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(caller)
      yield* Deferred.await(interrupted)
    })
  )

  law(
    "interrupts the handler of a stream with its caller",
    Effect.gen(function*() {
      const { exchange, interrupted, started } = yield* Exchanges.hanging
      const connection = yield* pair(exchange)
      const caller = yield* Effect.forkScoped(Stream.runDrain(connection.stream(call("hang"), Stream.never)))
      yield* Deferred.await(started)
      yield* Fiber.interrupt(caller)
      yield* Deferred.await(interrupted)
    })
  )

  law(
    "interrupts the handler of a stream whose reader has read enough",
    Effect.gen(function*() {
      const stopped = yield* Deferred.make<void>()
      const endless = Exchanges.endless(16).replies.pipe(Stream.ensuring(Deferred.succeed(stopped, undefined)))
      const connection = yield* pair(Exchanges.fromStream(() => endless))
      const some = yield* connection.stream(call("ask"), bytes("")).pipe(Stream.take(3), Stream.runCollect)
      assert.strictEqual(some.length, 3)
      yield* Deferred.await(stopped)
    })
  )

  law(
    "stops the messages of a caller who is interrupted, and of one who has his answer",
    Effect.gen(function*() {
      const connection = yield* pair(
        Exchanges.fromStream((call, messages) =>
          call.method === "first" ? Stream.take(Exchanges.streamed(messages), 1) : Exchanges.streamed(messages)
        )
      )
      for (const method of ["first", "all"]) {
        const stopped = yield* Deferred.make<void>()
        const heard = yield* Deferred.make<void>()
        const messages = Stream.concat(Stream.succeed(bytes("one")), Stream.never).pipe(
          Stream.ensuring(Deferred.succeed(stopped, undefined))
        )
        const caller = yield* Effect.forkScoped(
          Stream.runForEach(connection.stream(call(method), messages), () => Deferred.succeed(heard, undefined))
        )
        yield* Deferred.await(heard)
        yield* method === "first" ? Fiber.join(caller) : Fiber.interrupt(caller)
        yield* Deferred.await(stopped)
      }
    })
  )
}

const ending = (law: Law): void => {
  law(
    "fails what is under way when the scope of a connection closes, and interrupts the handlers",
    Effect.gen(function*() {
      const transport = yield* Transport.Transport
      for (const kind of ["unary", "stream"] as const) {
        const { exchange, interrupted, started } = yield* Exchanges.hanging
        const listening = yield* Scope.make()
        const address = yield* Scope.provide(transport.listen("orders", exchange), listening)
        const scope = yield* Scope.make()
        const connection = yield* Scope.provide(transport.connect(address), scope)
        const caller = yield* Effect.forkScoped(reasonOf(Exchanges.ask(connection, kind, call("hang"))))
        yield* Deferred.await(started)
        yield* Scope.close(scope, Exit.void)
        assert.strictEqual(yield* Fiber.join(caller), "ConnectionLost")
        yield* Deferred.await(interrupted)
        assert.strictEqual(yield* reasonOf(Exchanges.ask(connection, kind, call("hang"))), "NotConnected")
        yield* Scope.close(listening, Exit.void)
      }
    })
  )

  law(
    "fails what is under way when the scope of a service closes, and interrupts the handlers",
    Effect.gen(function*() {
      const transport = yield* Transport.Transport
      for (const kind of ["unary", "stream"] as const) {
        const { exchange, interrupted, started } = yield* Exchanges.hanging
        const listening = yield* Scope.make()
        const address = yield* Scope.provide(transport.listen("orders", exchange), listening)
        const connection = yield* transport.connect(address)
        const caller = yield* Effect.forkScoped(reasonOf(Exchanges.ask(connection, kind, call("hang"))))
        yield* Deferred.await(started)
        yield* Scope.close(listening, Exit.void)
        assert.strictEqual(yield* Fiber.join(caller), "ConnectionLost")
        yield* Deferred.await(interrupted)
        yield* connection.closed
        assert.strictEqual(yield* reasonOf(Exchanges.ask(connection, kind, call("hang"))), "NotConnected")
        assert.strictEqual(yield* reasonOf(Effect.scoped(transport.connect(address))), "NotConnected")
      }
    })
  )

  law(
    "leaves one connection alone when another one ends",
    Effect.gen(function*() {
      const transport = yield* Transport.Transport
      const gate = yield* Deferred.make<void>()
      const { exchange, started } = yield* Exchanges.hangingUntil(Deferred.await(gate))
      const address = yield* transport.listen("orders", exchange)
      const [stays, goes] = [yield* Scope.make(), yield* Scope.make()]
      const staying = yield* Scope.provide(transport.connect(address), stays)
      yield* Scope.provide(transport.connect(address), goes)
      const caller = yield* Effect.forkScoped(staying.unary(call("hang"), bytes("")))
      yield* Deferred.await(started)
      yield* Scope.close(goes, Exit.void)
      yield* Deferred.succeed(gate, undefined)
      assert.instanceOf(yield* Fiber.join(caller), Uint8Array)
      yield* Scope.close(stays, Exit.void)
    })
  )
}

/** What may be on its way in one direction: a window, and the messages that have been pulled of it. */
const bound = 2 * 256 * 1024

const flowing = (law: Law): void => {
  law(
    "does not pull a message before the handler asks for one",
    Effect.gen(function*() {
      const gate = yield* Deferred.make<void>()
      const connection = yield* pair(Exchanges.fromStream((_call, messages) =>
        messages instanceof Uint8Array
          ? Stream.succeed(messages)
          : Stream.unwrap(Effect.as(Deferred.await(gate), messages))
      ))
      let pulled = 0
      const messages = Stream.fromEffect(Effect.sync(() => bytes(`${++pulled}`)))
      const caller = yield* Effect.forkScoped(Stream.runCollect(connection.stream(call("read"), messages)))
      yield* Exchanges.roundTrips(connection, 20)
      assert.strictEqual(pulled, 0)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual((yield* Fiber.join(caller)).map(text), ["1"])
    })
  )

  law(
    "stops a handler whose replies are not read, and goes on when they are",
    Effect.gen(function*() {
      const endless = Exchanges.endless(1024)
      const connection = yield* pair(
        Exchanges.fromStream((_call, messages) =>
          messages instanceof Uint8Array && messages.length > 0 ? Stream.succeed(messages) : endless.replies
        )
      )
      const first = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      let read = 0
      const reader = yield* Effect.forkScoped(
        connection.stream(call("ask"), bytes("")).pipe(
          Stream.rechunk(1),
          Stream.take(3000),
          Stream.runForEach(() => {
            read++
            return Effect.andThen(Deferred.succeed(first, undefined), Deferred.await(gate))
          })
        )
      )
      yield* Deferred.await(first)
      yield* Exchanges.roundTrips(connection, 50)
      assert.isAtMost(endless.count() * 1024, bound)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(reader)
      assert.strictEqual(read, 3000)
      assert.isAtMost(endless.count() * 1024, 3000 * 1024 + bound)
    })
  )

  law(
    "stops a caller whose messages are not read, and goes on when they are",
    Effect.gen(function*() {
      const endless = Exchanges.endless(1024)
      const first = yield* Deferred.make<void>()
      const gate = yield* Deferred.make<void>()
      const connection = yield* pair(Exchanges.fromStream((_call, messages) =>
        messages instanceof Uint8Array
          ? Stream.succeed(messages)
          : messages.pipe(
            Stream.rechunk(1),
            Stream.take(3000),
            Stream.tap(() => Effect.andThen(Deferred.succeed(first, undefined), Deferred.await(gate))),
            Stream.runDrain,
            Effect.as(bytes("done")),
            Stream.fromEffect
          )
      ))
      const caller = yield* Effect.forkScoped(
        Stream.runCollect(connection.stream(call("read"), endless.replies))
      )
      yield* Deferred.await(first)
      yield* Exchanges.roundTrips(connection, 50)
      assert.isAtMost(endless.count() * 1024, bound)
      yield* Deferred.succeed(gate, undefined)
      assert.deepStrictEqual((yield* Fiber.join(caller)).map(text), ["done"])
    })
  )

  law(
    "keeps a stream that is not read from stopping another one, or a unary call",
    Effect.gen(function*() {
      const connection = yield* pair(
        Exchanges.fromStream((call, messages) =>
          call.method === "endless" ? Exchanges.endless(1024).replies : Exchanges.streamed(messages)
        )
      )
      const stalled = yield* Deferred.make<void>()
      for (let index = 0; index < 20; index++) {
        yield* Effect.forkScoped(Stream.runForEach(
          connection.stream(call("endless"), bytes("")),
          () => Effect.andThen(Deferred.succeed(stalled, undefined), Effect.never)
        ))
      }
      yield* Deferred.await(stalled)
      yield* Exchanges.roundTrips(connection, 5)
      const messages = Stream.take(Exchanges.endless(1024).replies, 2000)
      assert.strictEqual(yield* Stream.runCount(connection.stream(call("echo"), messages)), 2000)
    })
  )
}

const plain = (reply: Transport.Reply) => reply instanceof Uint8Array ? text(reply) : { ...reply, body: text(reply) }

const statusOf = (reply: Transport.Reply): Transport.Status | undefined =>
  Transport.isFailure(reply) ? reply.status : undefined

const same = (reply: Transport.Reply, message: Uint8Array): boolean =>
  reply instanceof Uint8Array && Buffer.compare(reply, message) === 0
