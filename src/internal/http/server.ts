/**
 * The plain HTTP/1.1 lane, server side: one request is one call, in the form of Go Micro or as a path.
 *
 * A call costs one fiber, which starts in the event that brought the last byte; where it ends at once, no trace of it is
 * kept. A client that goes away interrupts its calls.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Http from "node:http"
import type * as Net from "node:net"
import type { Call, Exchange, Reply } from "../../Transport.ts"
import { failure } from "../../Transport.ts"
import * as Answer from "./answer.ts"
import * as Body from "./body.ts"
import * as Head from "./head.ts"

/** What a request may cost. */
export interface Limits {
  /** Bytes of a message. 4 MiB. */
  readonly maxMessage: number
  /** Headers of a request. 128. */
  readonly maxHeaders: number
}

/** The default limits. */
export const limits: Limits = { maxMessage: 4 * 1024 * 1024, maxHeaders: 128 }

/** What the lane needs. */
export interface Options {
  /** Who answers; without a service's name, the one exchange there is or the one that has the method. */
  readonly find: (service: string | undefined, method: string) => Exchange | undefined
  /** The names that are answered for. */
  readonly services: () => ReadonlyArray<string>
  /** What the fibers of the calls run with. */
  readonly context: Context.Context<never>
  readonly limits?: Partial<Limits> | undefined
}

/** The lane. */
export interface Server {
  /** The listener for a server's `request` event. */
  readonly request: (request: Http.IncomingMessage, response: Http.ServerResponse) => void
  /** From now on refuses calls as `Unavailable`, and asks for each connection to be closed. */
  readonly drain: () => void
  /** Waits for the calls that are running. */
  readonly idle: Effect.Effect<void>
  /** Drains, interrupts the calls that are running and cuts their connections, so that no client takes it for an answer. */
  readonly interrupt: Effect.Effect<void>
}

/**
 * How the `http.Server` has to be made.
 *
 * **Details**
 *
 * Go Micro's clients keep a connection for up to 60 s and do not check it before they use it again, so this side must
 * keep it for longer. A request has 20 s to bring its headers and 60 s altogether; a header block may have 64 KiB.
 */
export const serverOptions = {
  keepAliveTimeout: 70_000,
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  maxHeaderSize: 64 * 1024,
  noDelay: true
} as const satisfies Http.ServerOptions

/** Makes the lane. */
export const make = (options: Options): Server => {
  const { maxHeaders, maxMessage } = { ...limits, ...options.limits }
  const tooLarge = Head.refuse(413, "Malformed", `The message is over the limit of ${maxMessage} bytes`)
  const fork = Effect.runForkWith(options.context)
  const calls: Calls = { running: new Set(), bySocket: new WeakMap(), phase: "Open" }
  return {
    request: (request, response) => {
      const head = Head.read(request, maxHeaders)
      Body.read(request, head.length, maxMessage, (body) => {
        const reply = body === undefined ? tooLarge : head.refusal ?? unary(options, calls.phase, head.call, body)
        if (Effect.isEffect(reply)) return run(fork, calls, response, head, reply)
        Answer.write(response, head, reply.failure, { code: reply.code, close: calls.phase !== "Open" })
      })
    },
    drain: () => {
      if (calls.phase === "Open") calls.phase = "Draining"
    },
    idle: Effect.suspend(() => Effect.asVoid(Fiber.awaitAll(calls.running))),
    interrupt: Effect.suspend(() => {
      calls.phase = "Closed"
      return Fiber.interruptAll(calls.running)
    })
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Calls {
  readonly running: Set<Fiber.Fiber<Reply>>
  // By connection and not by response: one that waits its turn in a pipeline does not hear of the connection's end.
  readonly bySocket: WeakMap<Net.Socket, Set<Fiber.Fiber<Reply>>>
  phase: "Open" | "Draining" | "Closed"
}

type Fork = <A>(effect: Effect.Effect<A>) => Fiber.Fiber<A>

const shuttingDown = Head.refuse(503, "Unavailable", "The server is shutting down")

const unary = (
  { find, services }: Options,
  phase: Calls["phase"],
  call: Call,
  body: Uint8Array
): Effect.Effect<Reply> | Head.Refusal => {
  if (phase !== "Open") return shuttingDown
  const named = call.service !== ""
  const exchange = find(named ? call.service : undefined, call.method)
  const names = services()
  if (exchange === undefined) {
    const problem = named
      ? `rpc: can't find service ${call.service}`
      : `rpc: can't find method ${call.method}; Micro-Service may say whose it is: ${names.join(", ")}`
    return Head.refuse(404, "Unimplemented", problem)
  }
  const known = named || names.length !== 1 ? call : { ...call, service: names[0] }
  // Suspended, because what an exchange throws by mistake would otherwise end the process.
  return Effect.suspend(() => exchange.unary(known, body))
}

const run = (
  fork: Fork,
  calls: Calls,
  response: Http.ServerResponse,
  head: Head.Head,
  reply: Effect.Effect<Reply>
): void => {
  const fiber = fork(reply)
  const exit = fiber.pollUnsafe()
  if (exit !== undefined) return conclude(fork, calls, response, head, exit)
  const release = hold(calls, response.req.socket, fiber)
  fiber.addObserver((exit) => {
    release()
    conclude(fork, calls, response, head, exit)
  })
}

const hold = (calls: Calls, socket: Net.Socket, fiber: Fiber.Fiber<Reply>): () => void => {
  const held = calls.bySocket.get(socket)
  const fibers = held ?? new Set()
  fibers.add(fiber)
  calls.running.add(fiber)
  if (held === undefined) {
    calls.bySocket.set(socket, fibers)
    socket.once("close", () => {
      for (const fiber of fibers) fiber.interruptUnsafe()
    })
  }
  // Both may have come about while the fiber took its first steps.
  if (socket.destroyed || calls.phase === "Closed") fiber.interruptUnsafe()
  return () => {
    fibers.delete(fiber)
    calls.running.delete(fiber)
  }
}

const conclude = (
  fork: Fork,
  calls: Calls,
  response: Http.ServerResponse,
  head: Head.Head,
  exit: Exit.Exit<Reply>
): void => {
  const close = calls.phase !== "Open"
  if (exit._tag === "Success") return Answer.write(response, head, exit.value, { close })
  // The handler may have run halfway. Any status would claim to know.
  if (Exit.hasInterrupts(exit)) return void response.req.socket.destroy()
  fork(Effect.logError("An exchange failed where it must answer", exit.cause))
  Answer.write(response, head, failure("Defect", "The call failed unexpectedly"), { close })
}
