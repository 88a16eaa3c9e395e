/**
 * Connections by address, each dialled once and shared by all calls to it.
 *
 * Getting one that is ready is a look into a map: no scope, no fiber. One that has ended is forgotten, and dialled again
 * by the next call.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Connection, Transport, TransportError } from "../Transport.ts"

export interface Connections {
  /** The connection to an address, if it is at hand. */
  readonly find: (address: string) => Connection | undefined
  /** The connection to an address; dials it where there is none. */
  readonly get: (address: string) => Effect.Effect<Connection, TransportError>
}

interface Entry {
  readonly scope: Scope.Closeable
  readonly dialled: Deferred.Deferred<Connection, TransportError>
  ready: Exit.Exit<Connection, TransportError> | undefined
}

/** Keeps connections until the scope closes. */
export const make = (transport: Transport["Service"]): Effect.Effect<Connections, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const context = yield* Effect.context<never>()
    const entries = new Map<string, Entry>()
    const run = Effect.runForkWith(context)
    const fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.runIn(run(effect), scope)

    const remove = (address: string, entry: Entry) => {
      if (entries.get(address) === entry) entries.delete(address)
    }
    const dial = (address: string): Effect.Effect<Connection, TransportError> => {
      const entry: Entry = {
        scope: Scope.forkUnsafe(scope),
        dialled: Deferred.makeUnsafe(),
        ready: undefined
      }
      entries.set(address, entry)
      // In a fiber of its own: the caller that came first may go, and the others still wait for it.
      const dialling = fork(Effect.provideService(transport.connect(address), Scope.Scope, entry.scope))
      dialling.addObserver((exit) => {
        entry.ready = exit
        const ended = Exit.isSuccess(exit) ? exit.value.closed : Effect.void
        fork(Effect.andThen(
          ended,
          Effect.suspend(() => {
            remove(address, entry)
            return Scope.close(entry.scope, Exit.void)
          })
        ))
        Deferred.doneUnsafe(entry.dialled, exit)
      })
      return entry.ready ?? Deferred.await(entry.dialled)
    }

    return {
      find: (address) => {
        const ready = entries.get(address)?.ready
        return ready?._tag === "Success" && ready.value.isOpen() ? ready.value : undefined
      },
      get: (address) => {
        const entry = entries.get(address)
        // One that has been told to go is replaced at once; its own end is seen to when the calls on it have ended.
        const isOver = entry?.ready?._tag === "Success" && !entry.ready.value.isOpen()
        return entry === undefined || isOver ? dial(address) : entry.ready ?? Deferred.await(entry.dialled)
      }
    }
  })
