import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Net from "node:net"
import { Type } from "../../src/internal/mux/frames.ts"
import * as Gate from "../../src/internal/mux/gate.ts"
import * as Writer from "../../src/internal/mux/writer.ts"

/** A writer whose writes are counted, and the socket at the other end. */
const connected = Effect.gen(function*() {
  const server = yield* Effect.acquireRelease(
    Effect.callback<Net.Server>((resume) => {
      const server = Net.createServer().listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close())
  )
  const { port } = server.address() as Net.AddressInfo
  const accepted = Effect.callback<Net.Socket>((resume) => {
    server.once("connection", (socket) => resume(Effect.succeed(socket)))
  })
  const dialled = Effect.callback<Net.Socket>((resume) => {
    const socket = Net.connect(port, "127.0.0.1", () => resume(Effect.succeed(socket)))
  })
  const sockets = yield* Effect.all([dialled, accepted], { concurrency: "unbounded" })
  yield* Effect.addFinalizer(() => Effect.sync(() => sockets.forEach((socket) => socket.destroy())))
  const [socket, other] = sockets
  let count = 0
  const write = socket.write.bind(socket)
  socket.write = ((...args: Parameters<typeof write>) => {
    count++
    return write(...args)
  }) as typeof write
  return { socket, other, writer: Writer.make(socket, Gate.make(socket)), writes: () => count }
})

const tick = Effect.callback<void>((resume) => process.nextTick(resume, Effect.void))
const immediate = Effect.callback<void>((resume) => void setImmediate(resume, Effect.void))

describe("a writer of frames", () => {
  it.live("sends what one task has said behind it, in one write", () =>
    Effect.gen(function*() {
      const { writer, writes } = yield* connected
      yield* immediate
      for (let id = 0; id < 3; id++) writer.frame(Type.End, 0, id)
      assert.strictEqual(writes(), 0)
      yield* tick
      assert.strictEqual(writes(), 1)
    }))

  it.live("sends what tasks of a scheduler say one by one behind the last of them, in one write", () =>
    Effect.gen(function*() {
      const { writer, writes } = yield* connected
      yield* immediate
      writer.frame(Type.End, 0, 0)
      yield* tick
      const task = (id: number) =>
        Effect.callback<void>((resume) => {
          setImmediate(() => {
            writer.frame(Type.End, 0, id)
            resume(Effect.void)
          })
        })
      yield* Effect.all([task(1), task(2), task(3)], { concurrency: "unbounded" })
      assert.strictEqual(writes(), 1)
      yield* immediate
      assert.strictEqual(writes(), 2)
    }))

  it.live("does not let who waits for what a read brings about wait for the turn", () =>
    Effect.gen(function*() {
      const { other, socket, writer, writes } = yield* connected
      writer.frame(Type.End, 0, 0)
      yield* immediate
      const before = writes()
      const after = yield* Effect.callback<number>((resume) => {
        socket.once("data", () => {
          writer.heard()
          writer.frame(Type.End, 0, 1)
          process.nextTick(() => resume(Effect.succeed(writes())))
        })
        other.write("a question")
      })
      assert.strictEqual(after, before + 1)
    }))
})
