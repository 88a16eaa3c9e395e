/**
 * A connection to NATS that is there from the first use to the end of its scope, but for the times when no server is.
 */
import { connect, credsAuthenticator, type NatsConnection, type Status } from "@nats-io/transport-node"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Options from "./options.ts"

/** No server could be reached in time, or the one that was has not answered. */
export class Unreachable extends Data.TaggedError("Unreachable")<{
  readonly servers: string
  readonly problem: string
  readonly cause?: unknown
}> {
  override get message(): string {
    const { cause } = this
    return `NATS at ${this.servers} ${this.problem}${cause instanceof Error ? `: ${cause.message}` : ""}`
  }
}

export interface Link {
  /** The connection; waits for it, to the bound of the options. */
  readonly up: Effect.Effect<NatsConnection, Unreachable>
  readonly isUp: () => boolean
  /** Completes when the server has taken all that was sent before. Who asks in the same turn shares one question. */
  readonly flush: Effect.Effect<void, Unreachable>
  /** Runs a function after each reconnection, until the scope closes. */
  readonly onReconnect: (listener: () => void) => Effect.Effect<void, never, Scope.Scope>
  /** Runs a function whenever the connection was lost, until the scope closes. */
  readonly onLost: (listener: () => void) => Effect.Effect<void, never, Scope.Scope>
  /** How long one waits for an answer. */
  readonly timeout: Duration.Duration
  readonly unreachable: (problem: string, cause?: unknown) => Unreachable
}

/** Connects in the background, again and again where nobody answers, until the scope closes. */
export const make = (options: Options.Options): Effect.Effect<Link, never, Scope.Scope> =>
  Effect.gen(function*() {
    const timeout = Duration.fromInputUnsafe(options.timeout ?? "10 seconds")
    const servers = [options.servers ?? "nats://127.0.0.1:4222"].flat().map(shown).join(", ")
    const unreachable = (problem: string, cause?: unknown) => new Unreachable({ servers, problem, cause })
    const isUp = Latch.makeUnsafe(false)
    const returned = new Set<() => void>()
    const lost = new Set<() => void>()
    let connection: NatsConnection | undefined
    let problem: unknown
    let isOver = false
    yield* Effect.addFinalizer(() =>
      Effect.suspend(() => {
        const wasUp = isUp.isOpen()
        isOver = true
        isUp.closeUnsafe()
        return connection === undefined ? Effect.void : close(connection, wasUp)
      })
    )
    const dial = Effect.callback<NatsConnection, unknown>((resume) => {
      dialling(options).then((opened) => {
        // Nobody could close it any more.
        if (isOver) return void opened.close()
        connection = opened
        resume(Effect.succeed(opened))
      }, (cause) => resume(Effect.fail(cause)))
    })
    const failed = (cause: unknown) => {
      const isFirst = problem === undefined
      problem = cause
      return isFirst
        ? Effect.logWarning("NATS cannot be reached, and is tried again", unreachable("is not there", cause))
        : Effect.void
    }
    const hear = (status: Status) =>
      Effect.suspend(() => {
        if (status.type === "error") problem = status.error
        if (status.type === "disconnect") {
          isUp.closeUnsafe()
          for (const listener of lost) listener()
          return Effect.logWarning("The connection to NATS was lost", unreachable("has left"))
        }
        if (status.type !== "reconnect") return Effect.void
        isUp.openUnsafe()
        for (const listener of returned) listener()
        return Effect.logInfo("NATS is back")
      })
    const follow = Effect.retry(Effect.tapError(dial, failed), again).pipe(Effect.flatMap((opened) => {
      isUp.openUnsafe()
      return Stream.runForEach(Stream.fromAsyncIterable(opened.status(), (cause) => cause), hear)
    }))
    yield* Effect.forkScoped(follow)
    return {
      up: Effect.suspend(() =>
        isUp.isOpen() ? Exit.succeed(connection!) : Effect.timeoutOrElse(Effect.map(isUp.await, () => connection!), {
          duration: timeout,
          orElse: () => Effect.fail(unreachable("is not there", problem))
        })
      ),
      isUp: () => isUp.isOpen(),
      flush: flushing(() => connection, timeout, unreachable),
      onReconnect: listening(returned),
      onLost: listening(lost),
      timeout,
      unreachable
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** Full jitter would hit a server that comes back with all clients at once; this spreads them over a second. */
const again = Schedule.jittered(Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("2 seconds")]))

const listening = (listeners: Set<() => void>): Link["onLost"] => (listener) =>
  Effect.asVoid(Effect.acquireRelease(
    Effect.sync(() => listeners.add(listener)),
    () => Effect.sync(() => listeners.delete(listener))
  ))

/** An address without the secrets that it may hold. */
const shown = (server: string): string => server.replace(/\/\/[^/]*@/, "//")

const dialling = (options: Options.Options): Promise<NatsConnection> => {
  const { credentials, ...settings } = Options.settings(options)
  return connect({
    ...settings,
    ...(credentials === undefined ? {} : { authenticator: credsAuthenticator(credentials) }),
    timeout: 5000,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 250,
    reconnectJitter: 500,
    reconnectJitterTLS: 500,
    // A server that says nothing is given up after 30 seconds.
    pingInterval: 10_000,
    maxPingOut: 2,
    // Who has no right now may have it once the servers' configuration is right.
    ignoreAuthErrorAbort: true,
    noAsyncTraces: true
  })
}

/** What was said last, acknowledgements among it, still leaves; a server that does not answer is not waited for. */
const close = (connection: NatsConnection, isUp: boolean): Effect.Effect<void> => {
  const said = Effect.timeoutOption(Effect.exit(Effect.tryPromise(() => connection.flush())), "1 second")
  return Effect.andThen(isUp ? said : Effect.void, Effect.promise(() => connection.close().catch(() => undefined)))
}

const flushing = (
  connection: () => NatsConnection | undefined,
  timeout: Duration.Duration,
  unreachable: Link["unreachable"]
): Link["flush"] => {
  type Waiter = (exit: Exit.Exit<void, Unreachable>) => void
  let waiters: Array<Waiter> = []
  const ask = () => {
    const asking = waiters
    waiters = []
    const tell = (exit: Exit.Exit<void, Unreachable>) => asking.forEach((waiter) => waiter(exit))
    connection()!.flush().then(
      () => tell(Exit.void),
      (cause) => tell(Exit.fail(unreachable("has left before it has answered", cause)))
    )
  }
  return Effect.timeoutOrElse(
    Effect.callback<void, Unreachable>((resume) => {
      if (waiters.push(resume) === 1) queueMicrotask(ask)
    }),
    { duration: timeout, orElse: () => Effect.fail(unreachable("does not answer")) }
  )
}
