/**
 * Calls within one process: a map from address to exchange.
 *
 * No bytes are copied and no socket is opened, and yet every law of a transport holds, deadlines and cancelling
 * included: what a program does over this one, it does over the wire.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Answering from "../internal/answering.ts"
import * as Wheel from "../internal/wheel.ts"
import {
  type Call,
  type Connection,
  ConnectionLost,
  type Exchange,
  failure,
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
      if (listener === undefined) return yield* notConnected(address)
      const here = yield* Effect.acquireRelease(Effect.sync(makeEnd), (here) => Effect.sync(() => end(here, address)))
      return connection(listener, here, answer, () => listeners.has(address))
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
  /** The unary calls that run. */
  readonly fibers: Set<Fiber.Fiber<Reply>>
  readonly closed: Deferred.Deferred<never, TransportError>
}

interface Listener extends End {
  readonly address: string
  readonly service: string
  readonly exchange: Exchange
}

const makeEnd = (): End => ({ fibers: new Set(), closed: Deferred.makeUnsafe() })

const end = (self: End, address: string): void => {
  for (const fiber of self.fibers) fiber.interruptUnsafe()
  Deferred.doneUnsafe(self.closed, Exit.fail(lost(address)))
}

const lost = (address: string) => new TransportError({ reason: new ConnectionLost({ address }) })

const notConnected = (address: string) => Effect.fail(new TransportError({ reason: new NotConnected({ address }) }))

const connection = (
  there: Listener,
  here: End,
  answer: Answering.Answer,
  isOpen: () => boolean
): Connection => {
  const { address, exchange, service } = there
  const unknown = (call: Call) => failure("Unimplemented", `${call.service} is not served at ${address}`)
  const closed = Effect.raceFirst(Deferred.await(there.closed), Deferred.await(here.closed))
  return {
    closed: Effect.ignore(Deferred.await(there.closed)),
    unary: (call, message) =>
      Effect.callback<Reply, TransportError>((resume) => {
        if (!isOpen()) return resume(notConnected(address))
        if (call.service !== service) return resume(Effect.succeed(unknown(call)))
        const running: { fiber?: Fiber.Fiber<Reply> } = {}
        const fiber = answer(exchange, call, message, (reply) => {
          if (running.fiber !== undefined) { for (const { fibers } of [here, there]) fibers.delete(running.fiber) }
          resume(reply === undefined ? Effect.fail(lost(address)) : Effect.succeed(reply))
        })
        if (fiber === undefined) return
        running.fiber = fiber
        for (const { fibers } of [here, there]) fibers.add(fiber)
        return Effect.sync(() => fiber.interruptUnsafe())
      }),
    stream: (call, messages) =>
      Stream.suspend((): Stream.Stream<Reply, TransportError> => {
        if (!isOpen()) return Stream.fromEffect(notConnected(address))
        if (call.service !== service) return Stream.succeed(unknown(call))
        return exchange.stream(call, messages).pipe(Stream.interruptWhen(closed), expiring(call))
      })
  }
}

/** Ends a stream of replies when the deadline of its call has passed. */
const expiring =
  (call: Call) => (replies: Stream.Stream<Reply, TransportError>): Stream.Stream<Reply, TransportError> => {
    if (call.timeout === undefined) return replies
    const expired = Effect.andThen(Effect.sleep(call.timeout), Effect.fail(deadlinePassed))
    return replies.pipe(
      Stream.interruptWhen(expired),
      Stream.catch((error) =>
        error === deadlinePassed
          ? Stream.succeed(failure("DeadlineExceeded", `The deadline of ${call.service}/${call.method} has passed`))
          : Stream.fail(error as TransportError)
      )
    )
  }

const deadlinePassed = Symbol("deadline passed")
