/**
 * Connections by address, each dialled once and shared by all calls to it.
 *
 * Getting one that is ready is a look into a map: no scope, no fiber. One that has ended is forgotten, and dialled again
 * by the next call. An address that could not be reached is left alone for a while: calls for it fail at once, and go
 * elsewhere.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { type Connection, LimitExceeded, NotConnected, type Transport, TransportError } from "../Transport.ts"
import * as Backoff from "./backoff.ts"
import { now } from "./wheel.ts"

export interface Options {
  /** Connections at most. The one that has been idle longest makes room for another. Default 1,024. */
  readonly most?: number | undefined
  /** Callers at most that wait for one to be dialled. Default 10,000. */
  readonly waiting?: number | undefined
}

export interface Connections {
  /** The connection to an address, if it is at hand. */
  readonly find: (address: string) => Connection | undefined
  /**
   * The connection to an address; dials it where there is none. Who `insists`, because there is nowhere else to go, dials
   * an address that has just failed as well.
   */
  readonly get: (address: string, insists?: boolean) => Effect.Effect<Connection, TransportError>
}

interface Entry {
  readonly scope: Scope.Closeable
  readonly dialled: Deferred.Deferred<Connection, TransportError>
  ready: Exit.Exit<Connection, TransportError> | undefined
  waiting: number
  /** Which of all uses was the last one of it. */
  used: number
}

/** Keeps connections until the scope closes. */
export const make = (
  transport: Transport["Service"],
  options?: Options
): Effect.Effect<Connections, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { most = 1024, waiting = 10_000 } = options ?? {}
    const scope = yield* Effect.scope
    const context = yield* Effect.context<never>()
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const backoff = Backoff.make(() => now(clock), () => random.nextDoubleUnsafe())
    const entries = new Map<string, Entry>()
    let uses = 0
    const run = Effect.runForkWith(context)
    const fork = <A, E>(effect: Effect.Effect<A, E>) => Fiber.runIn(run(effect), scope)

    const use = <A extends Entry | undefined>(entry: A): A => {
      if (entry !== undefined) entry.used = ++uses
      return entry
    }
    const remove = (address: string, entry: Entry) => {
      if (entries.get(address) === entry) entries.delete(address)
      return Scope.close(entry.scope, Exit.void)
    }
    const start = (address: string): Entry => {
      const entry = makeEntry(Scope.forkUnsafe(scope))
      entries.set(address, entry)
      // In a fiber of its own: the caller that came first may go, and the others still wait for it.
      const dialling = fork(Effect.provideService(transport.connect(address), Scope.Scope, entry.scope))
      dialling.addObserver((exit) => {
        entry.ready = exit
        if (Exit.isSuccess(exit)) backoff.succeeded(address)
        else if (isUnreachable(exit)) backoff.failed(address, Cause.squash(exit.cause))
        const ended = Exit.isSuccess(exit) ? exit.value.closed : Effect.void
        fork(Effect.andThen(ended, Effect.suspend(() => remove(address, entry))))
        Deferred.doneUnsafe(entry.dialled, exit)
      })
      return entry
    }
    /** Lets the connection go that has been idle longest. False where all are in use. */
    const makeRoom = (): boolean => {
      let idle: readonly [string, Entry] | undefined
      for (const candidate of entries) {
        if (isIdle(candidate[1]) && (idle === undefined || candidate[1].used < idle[1].used)) idle = candidate
      }
      if (idle === undefined) return false
      fork(remove(...idle))
      return true
    }
    const wait = (address: string, entry: Entry): Effect.Effect<Connection, TransportError> => {
      if (entry.ready !== undefined) return entry.ready
      if (entry.waiting >= waiting) return notConnected(address, new Error(`${waiting} calls wait for it already`))
      entry.waiting++
      const over = Effect.sync(() => {
        entry.waiting--
      })
      return Effect.ensuring(Deferred.await(entry.dialled), over)
    }
    const dial = (address: string, insists: boolean): Effect.Effect<Connection, TransportError> => {
      const problem = insists ? undefined : backoff.problem(address)
      if (problem !== undefined) return notConnected(address, problem)
      return entries.size < most || entries.has(address) || makeRoom()
        ? wait(address, use(start(address)))
        : tooMany(address, most)
    }
    return {
      find: (address) => {
        const ready = use(entries.get(address))?.ready
        return ready?._tag === "Success" && ready.value.isOpen() ? ready.value : undefined
      },
      get: (address, insists = false) =>
        Effect.suspend(() => {
          const entry = use(entries.get(address))
          // One that has been told to go is replaced at once; its own end is seen to when the calls on it have ended.
          const isOver = entry?.ready?._tag === "Success" && !entry.ready.value.isOpen()
          return entry === undefined || isOver ? dial(address, insists) : wait(address, entry)
        })
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

const makeEntry = (scope: Scope.Closeable): Entry => ({
  scope,
  dialled: Deferred.makeUnsafe(),
  ready: undefined,
  waiting: 0,
  used: 0
})

/** Whether nobody misses a connection. Of one that does not tell, nobody knows. */
const isIdle = ({ ready }: Entry): boolean => ready?._tag === "Success" && ready.value.pending?.() === 0

const isUnreachable = ({ cause }: Exit.Failure<unknown, TransportError>): boolean =>
  cause.reasons.some((reason) => reason._tag === "Fail" && reason.error.reason._tag === "NotConnected")

const notConnected = (address: string, cause: Error) =>
  Effect.fail(new TransportError({ reason: new NotConnected({ address, cause }) }))

const tooMany = (address: string, most: number) => {
  const reason = new LimitExceeded({ address, limit: "The number of connections", allowed: most, actual: most + 1 })
  return Effect.fail(new TransportError({ reason }))
}
