import { assert, describe, it } from "@effect/vitest"
import { connect, headers as make, type Msg, type MsgHdrs } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import { Buffer } from "node:buffer"
import * as Head from "../../src/internal/nats/head.ts"
import * as Headers from "../../src/internal/nats/headers.ts"
import * as Nats from "../servers/nats.ts"

const open = Effect.gen(function*() {
  const { url } = yield* Nats.open()
  return yield* Effect.acquireRelease(
    Effect.promise(() => connect({ servers: url })),
    (connection) => Effect.promise(() => connection.close())
  )
})

/** Headers of the client's own making, by their lines. */
const lines = (...pairs: ReadonlyArray<readonly [string, string]>): MsgHdrs => {
  const headers = make()
  for (const [name, value] of pairs) headers.append(name, value)
  return headers
}

/** Another way to say the same, or nearly the same, of an id. */
const foreign: ReadonlyArray<(id: string) => MsgHdrs | undefined> = [
  () => undefined,
  (id) => lines(["Content-Type", "a/b"], ["Nats-Msg-Id", id]),
  (id) => lines(["content-type", "a/b"], ["Nats-Msg-Id", `${id} ü✓`]),
  (id) => lines(["content-type", "a/b"], ["Nats-Msg-Id", id], ["after", "it"]),
  (id) => lines(["content-type", "a/b"], ["Nats-Msg-Id", id], ["Nats-Msg-Id", "twice"]),
  (id) => lines(["Nats-Msg-Id", id]),
  (id) => lines(["x", "Nats-Msg-Id: 5"], ["Nats-Msg-Id", id]),
  () => lines(["content-type", "a/b"]),
  () => lines(["content-type", "a/b"], ["message-attempt", "3"], ["x", "ü"], ["x", "y"])
]

describe.skipIf(Nats.isMissing)("with nats-server", () => {
  it.live("heads are read as the client reads them, whoever has written them and whatever came before", () =>
    Effect.gen(function*() {
      const connection = yield* open
      const read = Head.reader()
      const kept: Array<readonly [Headers.Read, Headers.Read]> = []
      connection.subscribe("said", {
        callback: (_, message: Msg) => {
          const told = read(message, message.data, "said".length)
          kept.push([told, Headers.read(message)])
        }
      })
      const write = Head.writer()
      const shared = { "content-type": "a/b", "x-size": "naïve ✓" }
      for (let count = 0; count < 5000; count++) {
        const kind = yield* Random.nextIntBetween(0, foreign.length + 8)
        const id = `id-${count}`
        const body = Buffer.alloc(yield* Random.nextIntBetween(0, 300), 13)
        const own = kind % 2 === 0 ? shared : { ...shared, odd: "" }
        const message = { id, headers: own, body }
        const headers = foreign[kind] ?? write(message, kind % 3)
        const written = typeof headers === "function" ? headers(id) : headers
        const reply = (yield* Random.nextBoolean) ? { reply: "NATS/1.0.answers" } : {}
        connection.publish("said", body, { ...(written === undefined ? {} : { headers: written }), ...reply })
        if (count % 100 === 0) yield* Effect.promise(() => connection.flush())
      }
      yield* Effect.promise(() => connection.flush())
      assert.strictEqual(kept.length, 5000)
      for (const [told, expected] of kept) assert.deepStrictEqual(told, expected)
    }).pipe(Random.withSeed("heads of messages")))

  it.live("heads are written so that the client reads what was meant", () =>
    Effect.gen(function*() {
      const connection = yield* open
      const heard: Array<readonly [number, Headers.Read]> = []
      connection.subscribe("said", {
        callback: (_, message) => void heard.push([message.data.length, Headers.read(message)])
      })
      const write = Head.writer()
      const body = Buffer.from("body")
      const [some, others] = [{ a: "1", "message-attempt": "9", "Nats-Msg-Id": "no" }, { b: "ü" }]
      for (
        const [id, headers, handed] of [["one", some, 0], ["two", some, 2], ["three", others, 2], [
          "vier ü",
          others,
          0
        ]] as const
      ) {
        connection.publish("said", body, { headers: write({ id, headers, body }, handed) })
      }
      yield* Effect.promise(() => connection.flush())
      assert.deepStrictEqual(heard, [
        [4, { id: "one", headers: { a: "1" }, handed: 0 }],
        [4, { id: "two", headers: { a: "1" }, handed: 2 }],
        [4, { id: "three", headers: { b: "ü" }, handed: 2 }],
        [4, { id: "vier ü", headers: { b: "ü" }, handed: 0 }]
      ])
    }))

  it.live("heads that the client cannot read are passed over, and nobody is cut off", () =>
    Effect.gen(function*() {
      const connection = yield* open
      const read = Head.reader()
      const heard: Array<Headers.Read> = []
      connection.subscribe("said", {
        callback: (_, message) => void heard.push(read(message, message.data, "said".length))
      })
      const write = Head.writer()
      const body = Buffer.from("body")
      for (const name of ["größe", "size"]) {
        connection.publish("said", body, { headers: write({ id: name, headers: { [name]: "1" }, body }) })
      }
      yield* Effect.promise(() => connection.flush())
      assert.deepStrictEqual(heard, [Headers.none, { id: "size", headers: { size: "1" }, handed: 0 }])
    }))
})
