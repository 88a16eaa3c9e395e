/**
 * Calls within one process: a map from address to exchange.
 *
 * No bytes are copied and no socket is opened, and yet every law of a transport holds, deadlines and cancelling
 * included: what a program does over this one, it does over the wire.
 */
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Answering from "../internal/answering.ts"
import * as Deadline from "../internal/deadline.ts"
import * as Sending from "../internal/sending.ts"
import * as Wheel from "../internal/wheel.ts"
import {
  type Call,
  type Connection,
  ConnectionLost,
  type Exchange,
  failure,
  isFailure,
  NotConnected,
  type Reply,
  Transport,
  TransportError
} from "../Transport.ts"

/** A transport whose addresses are known to itself alone. */
export const make: Effect.Effect<Transport["Service"], never, Scope.Scope> = Effect.gen(function*() {
  const answer = Answering.make(yield* Effect.context<never>(), yield* Wheel.make)
  const listeners = new Map<string, Listener>()
  let opened = 0

  const listen = (service: string, exchange: Exchange) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(() => {
          const address = `memory://${service}/${opened++}`
          const listener: Listener = { ...makeEnd(), address, service, exchange }
          listeners.set(address, listener)
          return listener
        }),
        (listener) =>
          Effect.sync(() => {
            listeners.delete(listener.address)
            end(listener, listener.address)
          })
      ),
      (listener) => listener.address
    )

  const connect = (address: string): Effect.Effect<Connection, TransportError, Scope.Scope> =>
    Effect.gen(function*() {
      const listener = listeners.get(address)
      if (listener === undefined) return yield* Effect.fail(notConnected(address))
      const here = yield* Effect.acquireRelease(Effect.sync(makeEnd), (here) => Effect.sync(() => end(here, address)))
      return connection(listener, here, answer)
    })

  return Transport.of({ connect, listen })
})

/** Carries calls within the process. Each layer is a network of its own. */
export const layer: Layer.Layer<Transport> = Layer.effect(Transport, make)

/** Carries calls within the process. */
export const MemoryTransportLive: Layer.Layer<Transport> = layer

// ---------------------------------------------------------------------------------------------------------------------

/** One end of a wire: what runs over it, and whether it still stands. */
interface End {
  /** The unary calls under way. */
  readonly calls: Set<Carried>
  readonly closed: Deferred.Deferred<never, TransportError>
}

interface Listener extends End {
  readonly address: string
  readonly service: string
  readonly exchange: Exchange
}

const makeEnd = (): End => ({ calls: new Set(), closed: Deferred.makeUnsafe() })

const end = (self: End, address: string): void => {
  Deferred.doneUnsafe(self.closed, Exit.fail(lost(address)))
  for (const call of self.calls) call.lose()
}

const lost = (address: string) => new TransportError({ reason: new ConnectionLost({ address }) })

const notConnected = (address: string) => new TransportError({ reason: new NotConnected({ address }) })

const connection = (there: Listener, here: End, answer: Answering.Answer): Connection => {
  const { address, exchange, service } = there
  const isOpen = () => !Deferred.isDoneUnsafe(there.closed) && !Deferred.isDoneUnsafe(here.closed)
  const unserved = (call: Call) =>
    call.service === service ? undefined : failure("Unimplemented", `${call.service} is not served at ${address}`)
  const send: Sending.Send = (call, message, caller) => {
    if (!isOpen()) return void caller.lost(notConnected(address), Sending.alone)
    const problem = unserved(call)
    if (problem !== undefined) return void caller.replied(problem, Sending.alone)
    const carried = new Carried(there, here, caller)
    const fiber = answer(exchange, call, message, (reply) => carried.end(isOpen() ? reply : undefined))
    if (fiber === undefined) return undefined
    carried.run(fiber)
    // A handler may end its own service before it has returned for the first time.
    if (!isOpen()) carried.lose()
    return carried
  }
  const stream: Connection["stream"] = (call, messages) =>
    Stream.suspend(() => {
      if (!isOpen()) return Stream.fail(notConnected(address))
      const problem = unserved(call)
      return problem === undefined ? streamed(there, here, call, messages) : Stream.succeed(problem)
    })
  const closed = Effect.ignore(Deferred.await(there.closed))
  return Sending.enroll({ isOwn: true, isOpen, closed, unary: Sending.unary(send), stream }, send)
}

/** A unary call, in a fiber of its own where the handler has not answered at once. */
class Carried implements Sending.Sent {
  readonly there: Listener
  readonly here: End
  readonly caller: Sending.Caller
  fiber: Fiber.Fiber<Reply> | undefined = undefined

  constructor(there: Listener, here: End, caller: Sending.Caller) {
    this.there = there
    this.here = here
    this.caller = caller
  }

  run(fiber: Fiber.Fiber<Reply>): void {
    this.fiber = fiber
    this.here.calls.add(this)
    this.there.calls.add(this)
  }

  /** Tells the caller, unless that has gone or was told before. */
  end(reply: Reply | undefined): void {
    if (this.fiber !== undefined && !this.leave()) return
    if (reply === undefined) this.caller.lost(lost(this.there.address), Sending.alone)
    else this.caller.replied(reply, Sending.alone)
  }

  lose(): void {
    this.end(undefined)
    this.fiber?.interruptUnsafe()
  }

  cancel(): void {
    if (this.leave()) this.fiber?.interruptUnsafe()
  }

  /** False where it has ended already. */
  leave(): boolean {
    this.there.calls.delete(this)
    return this.here.calls.delete(this)
  }
}

/** One call on the fiber of who pulls the replies. */
const streamed = (
  { address, closed, exchange }: Listener,
  here: End,
  call: Call,
  messages: Uint8Array | Stream.Stream<Uint8Array>
): Stream.Stream<Reply, TransportError> => {
  // What kills the messages is the caller's own affair, and is not shown to the handler.
  const died = Deferred.makeUnsafe<never>()
  const guarded = messages instanceof Uint8Array ? messages : Stream.catchCause(
    messages,
    (cause) => Stream.fromEffect(Effect.andThen(Deferred.failCause(died, cause), Effect.never))
  )
  const over = Effect.raceAllFirst([Deferred.await(closed), Deferred.await(here.closed), Deferred.await(died)])
  return Stream.suspend(() => exchange.stream(call, guarded)).pipe(
    Stream.catchCause((cause) =>
      Cause.hasInterruptsOnly(cause) ? Stream.fail(lost(address)) : Stream.succeed(Answering.defect(cause))
    ),
    Stream.takeUntil(isFailure),
    Stream.interruptWhen(over),
    expiring(call)
  )
}

/** Ends a stream of replies when the deadline of its call has passed. */
const expiring =
  (call: Call) => (replies: Stream.Stream<Reply, TransportError>): Stream.Stream<Reply, TransportError> => {
    if (call.timeout === undefined) return replies
    if (call.timeout <= 0) return Stream.succeed(Deadline.expired(call))
    const expired = Effect.andThen(Effect.sleep(call.timeout), Effect.fail(deadlinePassed))
    return replies.pipe(
      Stream.interruptWhen(expired),
      Stream.catch((error) =>
        error === deadlinePassed
          ? Stream.succeed(Deadline.expired(call))
          : Stream.fail(error as TransportError)
      )
    )
  }

const deadlinePassed = Symbol("deadline passed")
