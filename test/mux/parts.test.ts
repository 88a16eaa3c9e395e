import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { Flag, maxSplits, partSize, partsWindow, Type } from "../../src/internal/mux/frames.ts"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { type Exchange, isFailure } from "../../src/Transport.ts"
import * as Exchanges from "../suites/exchanges.ts"
import { bytes, call, text } from "../suites/exchanges.ts"
import type { Frame, Peer } from "./wire.ts"
import { dial, frame, listen, u32 } from "./wire.ts"

const MiB = 1024 * 1024
/** More than may be on the way. */
const huge = 8 * MiB
const options: HttpTransport.Options = { host: "127.0.0.1", maxMessage: huge }

/** A client, and the raw server at the other end. */
const dialled = Effect.gen(function*() {
  const accepted = yield* Deferred.make<Peer>()
  const address = yield* listen((peer) => Deferred.doneUnsafe(accepted, Exit.succeed(peer)))
  const transport = yield* HttpTransport.make(options)
  return { connection: yield* transport.connect(address), server: yield* Deferred.await(accepted) }
})

/** A raw client of a server, with a route to `orders`. */
const served = (exchange: Exchange, more?: HttpTransport.Options) =>
  Effect.gen(function*() {
    const transport = yield* HttpTransport.make({ ...options, ...more })
    const address = yield* transport.listen("orders", exchange)
    const client = yield* dial(Number(new URL(address).port))
    client.send(frame(Type.Route, 0, 0, JSON.stringify(["orders", "ask", "text/plain"])))
    return client
  })

const open = (id: number, message: string, flags = 0) => frame(Type.Open, Flag.Last | flags, id, u32(0), message)

/** What came up to the frame that is looked for, and that one. */
const until = (peer: Peer, isIt: (frame: Frame) => boolean) =>
  Effect.gen(function*() {
    const seen: Array<Frame> = []
    for (;;) {
      const next = yield* Queue.take(peer.frames)
      seen.push(next)
      if (isIt(next)) return seen
    }
  })

/** Bytes of a call's frame that came in parts. */
const sizeOf = (frames: ReadonlyArray<Frame>, id: number) =>
  frames.reduce((sum, frame) => frame.type === Type.Part && frame.id === id ? sum + frame.body.length : sum, 0)

const isOf = (id: number) => (frame: Frame) => frame.id === id && frame.type === Type.Message

describe("a large message", () => {
  for (const kind of ["reply", "reply of a stream"]) {
    it.live(`lets others pass between its parts, being a ${kind}`, () =>
      Effect.gen(function*() {
        const asked = yield* Deferred.make<void>()
        const client = yield* served(Exchanges.fromUnary((_call, message) =>
          text(message) === "huge"
            ? Effect.succeed(new Uint8Array(huge))
            : Effect.as(Deferred.succeed(asked, undefined), bytes("small"))
        ))
        client.send(open(1, "huge", kind === "reply" ? 0 : Flag.Stream))
        const before = yield* until(client, ({ type }) => type === Type.Part)
        // With nobody reading, the server cannot get through with it before it has the other call.
        client.socket.pause()
        client.send(open(2, "small"))
        yield* Deferred.await(asked)
        client.socket.resume()
        const meanwhile = yield* until(client, isOf(2))
        assert.isBelow(sizeOf(before, 1) + sizeOf(meanwhile, 1), huge)
        let rest = huge - sizeOf(before, 1) - sizeOf(meanwhile, 1)
        while (rest > 0) {
          const next = yield* Queue.take(client.frames)
          assert.isAtMost(next.body.length, partSize)
          rest -= next.body.length
        }
        assert.strictEqual(rest, 0)
      }))
  }

  for (const kind of ["unary", "stream"] as const) {
    it.live(`lets others pass between its parts, being the message of a ${kind} call`, () =>
      Effect.gen(function*() {
        const { connection, server } = yield* dialled
        yield* Effect.forkScoped(
          kind === "unary"
            ? connection.unary(call("ask"), new Uint8Array(huge))
            : Stream.runDrain(connection.stream(call("ask"), Stream.succeed(new Uint8Array(huge))))
        )
        if (kind === "stream") {
          const opening = yield* until(server, ({ type }) => type === Type.Open)
          server.send(frame(Type.Credit, 0, opening.at(-1)!.id, u32(1)))
        }
        const before = yield* until(server, ({ type }) => type === Type.Part)
        const { id } = before.at(-1)!
        server.socket.pause()
        yield* Effect.forkScoped(connection.unary(call("ask"), bytes("small")), { startImmediately: true })
        server.socket.resume()
        const meanwhile = yield* until(server, ({ type }) => type === Type.Open)
        assert.isBelow(sizeOf(before, id) + sizeOf(meanwhile, id), huge)
      }))
  }

  it.live("arrives as it was sent, however many parts it takes", () =>
    Effect.gen(function*() {
      const transport = yield* HttpTransport.make(options)
      const connection = yield* transport.connect(yield* transport.listen("orders", Exchanges.echo))
      const messages = [1, 1.5, 3.5, 4, 4.5, 20].flatMap((parts) =>
        [-1, 0, 1].map((more) => new Uint8Array(parts * partSize + more).fill(parts * 7 + more))
      )
      const replies = yield* Stream.runCollect(connection.stream(call("echo"), Stream.fromArray(messages)))
      assert.strictEqual(replies.length, messages.length)
      for (const [index, message] of messages.entries()) {
        assert.isTrue(Buffer.from(message).equals(replies[index] as Uint8Array))
        assert.isTrue(Buffer.from(message).equals((yield* connection.unary(call("echo"), message)) as Uint8Array))
      }
    }))

  it.live("takes turns with other large ones", () =>
    Effect.gen(function*() {
      const client = yield* served(Exchanges.fromUnary(() => Effect.succeed(new Uint8Array(huge))))
      client.send(open(1, ""))
      yield* until(client, ({ type }) => type === Type.Part)
      client.socket.pause()
      client.send(open(2, ""))
      client.socket.resume()
      yield* until(client, ({ id, type }) => id === 2 && type === Type.Part)
      let longest = 0
      const gone = { 1: 0, 2: 0 }
      for (let run = 0, last = 0; gone[1] + gone[2] < 2 * partsWindow;) {
        const { body, id } = yield* Queue.take(client.frames)
        gone[id as 1 | 2] += body.length
        run = id === last ? run + 1 : 1
        last = id
        longest = Math.max(longest, run)
      }
      // Four in a turn; credit may cut one turn short, and then two follow each other.
      assert.isAtMost(longest, 8)
    }))

  it.live("stands in line when others are under way already, and is cancelled there without a word", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* dialled
      server.socket.pause()
      // No multiple of a part, so that the last one shows.
      const ask = Effect.forkScoped(connection.unary(call("ask"), new Uint8Array(4 * MiB - 1)), {
        startImmediately: true
      })
      const callers = yield* Effect.replicateEffect(ask, maxSplits + 2)
      yield* Fiber.interrupt(callers[maxSplits])
      const last = callers[maxSplits + 1]
      server.socket.resume()
      const begun = new Set<number>()
      for (let ended = 0; ended <= maxSplits;) {
        const seen = yield* Queue.take(server.frames)
        assert.notStrictEqual(seen.type, Type.Cancel)
        if (seen.type === Type.Split) begun.add(seen.id)
        assert.isAtMost(begun.size, maxSplits)
        if (seen.type !== Type.Part || seen.body.length === partSize) continue
        begun.delete(seen.id)
        server.send(frame(Type.Message, Flag.Last, seen.id, `${seen.id}`))
        ended++
      }
      assert.strictEqual(text(yield* Fiber.join(last)), `${maxSplits + 1}`)
      const next = yield* Effect.forkScoped(connection.unary(call("ask"), bytes("")), { startImmediately: true })
      const opened = (yield* until(server, ({ type }) => type === Type.Open)).at(-1)!
      server.send(frame(Type.Message, Flag.Last, opened.id, "there"))
      assert.strictEqual(text(yield* Fiber.join(next)), "there")
    }))

  it.live("ends where its caller goes, and its call with it", () =>
    Effect.gen(function*() {
      const { connection, server } = yield* dialled
      server.socket.pause()
      const caller = yield* Effect.forkScoped(connection.unary(call("ask"), new Uint8Array(huge)), {
        startImmediately: true
      })
      yield* Fiber.interrupt(caller)
      server.socket.resume()
      const seen = yield* until(server, ({ type }) => type === Type.Cancel)
      assert.isBelow(sizeOf(seen, seen.at(-1)!.id), huge)
    }))

  it.live("is forgotten halfway by a server that hears of it, and its call is ended", () =>
    Effect.gen(function*() {
      const client = yield* served(Exchanges.echo)
      const begin = frame(Type.Split, 0, 7, Buffer.from([Type.Open, Flag.Last]), u32(MiB), u32(0))
      client.send(begin, frame(Type.Part, 0, 7, Buffer.alloc(1000)), frame(Type.Cancel, 0, 7))
      assert.deepInclude(yield* Queue.take(client.frames), { type: Type.End, id: 7 })
      // What was on its way goes nowhere, and the number is free.
      client.send(frame(Type.Part, 0, 7, Buffer.alloc(1000)), open(7, "again"))
      assert.strictEqual((yield* Queue.take(client.frames)).body.toString(), "again")
    }))

  it.live("that is a reply ends where its caller goes", () =>
    Effect.gen(function*() {
      const client = yield* served(Exchanges.fromUnary(() => Effect.succeed(new Uint8Array(huge))))
      client.send(open(1, ""))
      const before = yield* until(client, ({ type }) => type === Type.Part)
      client.socket.pause()
      client.send(frame(Type.Cancel, 0, 1))
      client.socket.resume()
      const after = yield* until(client, ({ type }) => type === Type.End)
      assert.isBelow(sizeOf(before, 1) + sizeOf(after, 1), huge)
    }))

  it.live("fails its own call alone where it is over the limit, and its number is free behind the last part", () =>
    Effect.gen(function*() {
      const accepted = yield* Deferred.make<Peer>()
      const address = yield* listen((peer) => Deferred.doneUnsafe(accepted, Exit.succeed(peer)))
      const transport = yield* HttpTransport.make({ maxMessage: MiB, maxCalls: 1 })
      const connection = yield* transport.connect(address)
      const server = yield* Deferred.await(accepted)
      const ask = Effect.forkScoped(connection.unary(call("ask"), bytes("")), { startImmediately: true })
      const caller = yield* ask
      const { id } = (yield* until(server, ({ type }) => type === Type.Open)).at(-1)!
      const part = frame(Type.Part, 0, id, Buffer.alloc(partSize))
      server.send(frame(Type.Split, 0, id, Buffer.from([Type.Message, Flag.Last]), u32(2 * MiB)), part)
      const reply = yield* Fiber.join(caller)
      assert.strictEqual(isFailure(reply) && reply.status, "Malformed")
      assert.strictEqual((yield* Queue.take(server.frames)).type, Type.Cancel)
      const early = yield* Fiber.join(yield* ask)
      assert.strictEqual(isFailure(early) && early.status, "Overloaded")
      for (let sent = partSize; sent < 2 * MiB; sent += partSize) server.send(part)
      server.send(frame(Type.Ping, 0, 0))
      yield* until(server, ({ type }) => type === Type.Pong)
      const next = yield* ask
      yield* until(server, ({ type }) => type === Type.Open)
      server.send(frame(Type.Message, Flag.Last, id, "fine"))
      assert.strictEqual(text(yield* Fiber.join(next)), "fine")
    }))
})
