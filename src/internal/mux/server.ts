/**
 * The listening end of a multiplexed connection: frames to calls, replies to frames.
 *
 * A unary call runs in one fiber that starts within the event that brought it; a call that answers at once leaves no
 * trace here. The end of the connection interrupts all that still runs.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { Socket } from "node:net"
import { type Call, type Exchange, type Failure, failure, type Reply } from "../../Transport.ts"
import type { Answer } from "../answering.ts"
import { defect } from "../answering.ts"
import type { Wheel } from "../wheel.ts"
import { Flag, maxPing, maxRoute, maxRoutes, readU32, silence, Type, window } from "./frames.ts"
import * as Mailbox from "./mailbox.ts"
import * as Outlet from "./outlet.ts"
import * as Reader from "./reader.ts"
import * as Writer from "./writer.ts"

export interface Options {
  readonly find: (service: string) => Exchange | undefined
  readonly answer: Answer
  readonly wheel: Wheel
  readonly context: Context.Context<never>
  readonly maxMessage: number
  readonly maxHeaders: number
  readonly maxCalls: number
}

export interface Server {
  /** Tells the client to make no new calls here. It closes the connection when those under way have ended. */
  readonly leave: () => void
  /** Interrupts the calls of a service. */
  readonly evict: (service: string) => void
}

/** Serves a connection until it ends. `head` is what was read beyond the handshake. */
export const make = (socket: Socket, head: Buffer, options: Options): Server => {
  const writer = Writer.make(socket)
  const gate = Outlet.gate(socket)
  const routes = new Map<number, Route>()
  const calls = new Map<number, Running>()
  const touched: Array<Inbox> = []
  const fork = Effect.runForkWith(options.context)

  const garbage = () => socket.destroy()

  const reply = (id: number, reply: Reply | undefined) => {
    const running = calls.get(id)
    calls.delete(id)
    if (socket.destroyed) return
    if (reply instanceof Uint8Array) writer.bytes(Type.Message, Flag.Last, id, reply)
    else if (reply !== undefined) writer.failure(id, reply)
    else if (running?.cancelled === true) writer.frame(Type.End, 0, id)
    else writer.frame(Type.Lost, 0, id)
    congested()
  }
  // A client that makes us write and reads nothing of it is not read from either.
  const congested = () => {
    if (!socket.writableNeedDrain || socket.writableLength < 4 * options.maxMessage || socket.isPaused()) return
    socket.pause()
    socket.once("drain", () => socket.resume())
  }

  const open = (flags: number, id: number, bytes: Buffer, start: number, end: number) => {
    const opened = head_(flags, bytes, start, end, routes, options.maxHeaders)
    if (opened === undefined || calls.has(id) || socket.destroyed) return garbage()
    if ("status" in opened) return writer.failure(id, opened)
    const { body, call } = opened
    if (end - body > options.maxMessage) return frames.oversized(Type.Open, flags, id, end - body)
    if (calls.size >= options.maxCalls) {
      return writer.failure(id, failure("Overloaded", `This connection has ${calls.size} calls under way`))
    }
    const exchange = options.find(call.service)
    if (exchange === undefined) {
      return writer.failure(id, failure("Unimplemented", `${call.service} is not served here`))
    }
    const last = (flags & Flag.Last) !== 0
    if (last && (flags & Flag.Stream) === 0) {
      const fiber = options.answer(exchange, call, bytes.subarray(body, end), (value) => reply(id, value))
      if (fiber !== undefined) {
        calls.set(id, {
          service: call.service,
          cancelled: false,
          interrupt: () => fiber.interruptUnsafe()
        })
      }
    } else {
      stream(exchange, call, id, last ? bytes.subarray(body, end) : undefined)
    }
  }

  const stream = (exchange: Exchange, call: Call, id: number, message: Buffer | undefined) => {
    const outlet = Outlet.make(socket, gate, window)
    const inbox: Inbox | undefined = message === undefined
      ? Mailbox.make({
        initial: 0,
        credit: (bytes) => writer.number(Type.Credit, id, bytes),
        keep: (message) => Buffer.from(message)
      })
      : undefined
    let fiber: Fiber.Fiber<void> | undefined
    let ended = false
    const finish = (end: Failure | "done" | undefined) => {
      if (ended) return
      ended = true
      if (expiry !== undefined) options.wheel.remove(expiry)
      if (end !== "done") return reply(id, end)
      calls.delete(id)
      if (!socket.destroyed) writer.frame(Type.End, 0, id)
    }
    const refuse = (problem: Failure) => {
      finish(problem)
      fiber?.interruptUnsafe()
    }
    const expiry = call.timeout === undefined ? undefined : options.wheel.add(
      call.timeout,
      () => refuse(failure("DeadlineExceeded", `The deadline of ${call.service}/${call.method} has passed`))
    )
    let failed: Failure | undefined
    const write = (value: Reply) => {
      if (failed !== undefined || ended) return
      if (value instanceof Uint8Array) writer.bytes(Type.Message, 0, id, value)
      else failed = value
    }
    const messages = inbox === undefined ? message! : Stream.fromPull(Effect.succeed(inbox.pull))
    const replies = Effect.suspend(() =>
      Stream.runForEachArray(exchange.stream(call, messages), (chunk) => outlet.send(chunk, sizeOf, write))
    )
    calls.set(id, {
      service: call.service,
      cancelled: false,
      inbox,
      outlet,
      refuse,
      interrupt: () => fiber?.interruptUnsafe()
    })
    fiber = fork(replies)
    fiber.addObserver((exit) => finish(failed ?? (exit._tag === "Success" ? "done" : ending(exit.cause))))
  }

  const frames: Reader.Frames = {
    frame: (type, flags, id, bytes, start, end) => {
      switch (type) {
        case Type.Open:
          return open(flags, id, bytes, start, end)
        case Type.Message: {
          const inbox = calls.get(id)?.inbox
          if (inbox === undefined) return
          if (end - start > options.maxMessage) return frames.oversized(type, flags, id, end - start)
          if (!inbox.offer(bytes.subarray(start, end), end - start)) return garbage()
          if ((flags & Flag.Last) !== 0) inbox.end(Mailbox.done)
          return void touched.push(inbox)
        }
        case Type.End: {
          const inbox = calls.get(id)?.inbox
          inbox?.end(Mailbox.done)
          return inbox === undefined ? undefined : void touched.push(inbox)
        }
        case Type.Credit:
          return end - start === 4 ? calls.get(id)?.outlet?.credit(readU32(bytes, start)) : garbage()
        case Type.Cancel: {
          const running = calls.get(id)
          if (running === undefined) return
          running.cancelled = true
          return running.interrupt()
        }
        case Type.Route: {
          const route = end - start > maxRoute || routes.size >= maxRoutes ? undefined : readRoute(bytes, start, end)
          return route === undefined ? garbage() : void routes.set(id, route)
        }
        case Type.Ping:
          return end - start > maxPing ? garbage() : writer.bytes(Type.Pong, 0, id, bytes.subarray(start, end))
        case Type.Pong:
          return
        default:
          return garbage()
      }
    },
    oversized: (type, _flags, id, size) => {
      const problem = failure("Malformed", `A message of ${size} bytes is over the limit of ${options.maxMessage}`)
      const running = calls.get(id)
      if (type === Type.Open && running === undefined) return writer.failure(id, problem)
      if (type !== Type.Message || running?.refuse === undefined) return garbage()
      running.refuse(problem)
    },
    settled: () => {
      for (const inbox of touched) inbox.settle()
      touched.length = 0
      congested()
    },
    garbage
  }
  const read = Reader.make(options.maxMessage + options.maxHeaders + 64, frames)
  socket.setKeepAlive(true, silence)
  socket.on("data", read)
  socket.on("error", () => socket.destroy())
  socket.on("end", () => socket.destroy())
  socket.on("close", () => {
    for (const running of calls.values()) running.interrupt()
  })
  if (head.length > 0) read(head)
  return {
    leave: () => writer.frame(Type.GoAway, 0, 0),
    evict: (service) => {
      for (const running of calls.values()) if (running.service === service) running.interrupt()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

type Route = Pick<Call, "service" | "method" | "contentType">
type Inbox = Mailbox.Mailbox<Uint8Array, never>

/** A call that has not ended. */
interface Running {
  readonly service: string
  readonly interrupt: () => void
  /** Whether the caller has gone. */
  cancelled: boolean
  /** Ends a call with a failure, whatever its handler does. */
  readonly refuse?: (problem: Failure) => void
  readonly inbox?: Inbox | undefined
  readonly outlet?: Outlet.Outlet
}

const sizeOf = (reply: Reply): number => reply instanceof Uint8Array ? reply.length : 0

const ending = (cause: Cause.Cause<never>): Failure | undefined =>
  Cause.hasInterruptsOnly(cause) ? undefined : defect(cause)

const noHeaders: Call["headers"] = Object.freeze({})

/** The head of a call, and where its message starts; a failure where we take no such call. */
const head_ = (
  flags: number,
  bytes: Buffer,
  start: number,
  end: number,
  routes: ReadonlyMap<number, Route>,
  maxHeaders: number
): { readonly call: Call; readonly body: number } | Failure | undefined => {
  const timed = (flags & Flag.Time) !== 0
  const headed = (flags & Flag.Headers) !== 0
  let body = start + 4 + (timed ? 4 : 0) + (headed ? 4 : 0)
  if (body > end) return undefined
  const route = routes.get(readU32(bytes, start))
  if (route === undefined) return undefined
  const timeout = timed ? readU32(bytes, start + 4) : undefined
  let headers: Call["headers"] | undefined = noHeaders
  if (headed) {
    const size = readU32(bytes, body - 4)
    if (body + size > end) return undefined
    if (size > maxHeaders) return failure("Malformed", `Headers of ${size} bytes are over the limit of ${maxHeaders}`)
    headers = readHeaders(bytes, body, body + size)
    if (headers === undefined) return undefined
    body += size
  }
  const { contentType, method, service } = route
  return { call: { service, method, contentType, headers, timeout }, body }
}

const parse = (bytes: Buffer, start: number, end: number): unknown => {
  try {
    return JSON.parse(bytes.toString("utf8", start, end))
  } catch {
    return undefined
  }
}

const readRoute = (bytes: Buffer, start: number, end: number): Route | undefined => {
  const route = parse(bytes, start, end)
  if (!Array.isArray(route) || route.length !== 3 || !route.every((part) => typeof part === "string")) return undefined
  const [service, method, contentType] = route as [string, string, string]
  return { service, method, contentType }
}

const readHeaders = (bytes: Buffer, start: number, end: number): Call["headers"] | undefined => {
  const headers = parse(bytes, start, end)
  if (typeof headers !== "object" || headers === null || Array.isArray(headers)) return undefined
  return Object.values(headers).every((value) => typeof value === "string") ? headers as Call["headers"] : undefined
}
