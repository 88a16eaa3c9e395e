import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { make as makeCodec } from "../src/Codec.ts"
import * as Contract from "../src/Contract.ts"
import * as Parts from "../src/internal/json/parts.ts"
import * as Memory from "../src/internal/memory.ts"
import { partSize } from "../src/internal/mux/frames.ts"
import * as Methods from "../src/internal/rpc/methods.ts"
import * as Writing from "../src/internal/rpc/writing.ts"
import * as Sending from "../src/internal/sending.ts"
import * as HttpTransport from "../src/Layers/HttpTransport.ts"
import * as JsonCodec from "../src/Layers/JsonCodec.ts"
import { type Connection, layerWrap, type Middleware, type Reply } from "../src/Transport.ts"
import * as Proxy from "./faults/proxy.ts"
import * as Exchanges from "./suites/exchanges.ts"
import { client, knowing, overHttp, serve } from "./suites/fleet.ts"

class Press extends Contract.Service<Press>()("press", {
  print: Contract.method({ payload: Schema.String, success: Schema.String, idempotent: true })
}) {}

const handlers: Contract.Procedures<typeof Press["methods"]> = { print: Effect.succeed }

const text = "words and words ".repeat(20_000)

/** What nobody else has. */
const own = (size: number) => Buffer.allocUnsafeSlow(size).fill(7)

/** Sends a message that nobody else has, nor will have the reply. */
const send = (connection: Connection, message: Uint8Array) =>
  Effect.gen(function*() {
    const replied = yield* Deferred.make<Reply>()
    Sending.find(connection)!(Exchanges.call("echo"), message, {
      moment: undefined,
      isAlone: true,
      replied: (reply) => Deferred.doneUnsafe(replied, Effect.succeed(reply)),
      lost: (error) => Deferred.doneUnsafe(replied, Effect.die(error))
    })
    return yield* Deferred.await(replied)
  })

/** Answers each call with the first large reply there was. */
const repeating = (): Middleware => {
  let first: Reply | undefined
  return (next) => ({
    ...next,
    unary: (call, message) =>
      first !== undefined ? Effect.succeed(first) : Effect.tap(next.unary(call, message), (reply) =>
        Effect.sync(() => {
          if (reply instanceof Uint8Array && reply.length > Memory.alone) first = reply
        }))
  })
}

describe("the memory of a large message", () => {
  it.effect("is freed with what was read into it, unless others lie there", () =>
    Effect.sync(() => {
      const [whole, shared, small] = [own(32 * 1024), own(32 * 1024), own(1024)]
      for (const bytes of [whole, shared.subarray(1), small]) Memory.free(bytes)
      assert.deepStrictEqual([whole.length, shared.length, small.length], [0, 32 * 1024, 1024])
    }))

  it.effect("is freed when it is decoded, where nobody else has it and the value has nothing of it", () =>
    Effect.sync(() => {
      for (
        const [value, given, freed] of [
          [{ text }, true, true],
          [text.split(" "), true, true],
          [{ text }, false, false],
          [{ text, raw: own(10) }, true, false]
        ] as const
      ) {
        const bytes = Parts.write(value)
        if (given) Memory.give(bytes)
        assert.deepStrictEqual(
          Parts.read(bytes, 512),
          "raw" in value ? { text, raw: new Uint8Array(value.raw) } : value
        )
        assert.strictEqual(bytes.length === 0, freed)
      }
    }))

  for (const size of [Memory.alone + 1, partSize, partSize + 1, 5 * partSize + 1, 30 * partSize]) {
    it.live(`is freed when the kernel has taken it, ${size} bytes`, () =>
      Effect.gen(function*() {
        const transport = yield* HttpTransport.make({ host: "127.0.0.1" })
        const connection = yield* transport.connect(yield* transport.listen("orders", Exchanges.echo))
        const [message, kept] = [Memory.made(own(size)), own(size)]
        for (const bytes of [message, kept]) {
          const reply = (yield* send(connection, bytes)) as Uint8Array
          assert.isTrue(own(size).equals(reply))
          Memory.decoded(reply)
          assert.strictEqual(reply.length, 0)
        }
        assert.deepStrictEqual([message.length, kept.length], [0, size])
      }))
  }

  it.effect("is made again for another attempt", () =>
    Effect.gen(function*() {
      const codec = makeCodec(JsonCodec.format())
      const writings = Writing.make(codec, Methods.make(Press, codec)[0])
      const connection = { isOwn: true } as Connection
      const letter = Writing.write(writings.direct, text)
      if (Writing.isFailed(letter)) return yield* letter
      assert.strictEqual(Writing.fitted(writings, letter, connection), letter)
      Memory.spend(letter.bytes)
      const again = Writing.fitted(writings, letter, connection)
      if (Writing.isFailed(again)) return yield* again
      assert.deepStrictEqual(again.bytes, letter.bytes)
      assert.notStrictEqual(again.bytes, letter.bytes)
    }))

  it.live("is no loss where a call is sent again", () =>
    Effect.gen(function*() {
      const { address } = yield* serve(Press, handlers)
      const proxy = yield* Proxy.make(Number(new URL(address).port))
      const press = yield* client(Press, { registry: knowing("press", `micro://127.0.0.1:${proxy.port}`) })
      for (let call = 0; call < 3; call++) {
        assert.strictEqual(yield* press.print(text), text)
        yield* proxy.arm({ at: { direction: "reply", after: 1 }, deed: "reset" })
        assert.strictEqual(yield* press.print(text), text)
        yield* proxy.struck
      }
    }))

  for (const side of ["client", "server"] as const) {
    it.live(`stays where middleware of the ${side} has it`, () =>
      Effect.gen(function*() {
        const wrapped = Layer.provide(layerWrap({ [side]: repeating() }), overHttp())
        const { address } = yield* serve(Press, handlers, { transport: side === "server" ? wrapped : overHttp() })
        const press = yield* client(Press, {
          registry: knowing("press", address),
          transport: side === "client" ? wrapped : overHttp()
        })
        // The first call is plain, and a plain message is not known to be made for one.
        yield* press.print("short")
        for (let call = 0; call < 4; call++) assert.strictEqual(yield* press.print(text), text)
      }))
  }
})
