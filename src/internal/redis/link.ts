/**
 * Connections to Redis that are made in the background and again whenever they are lost. A command that no connection
 * could take fails, and waits in no queue.
 */
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import { Buffer } from "node:buffer"
import { createClient, ErrorReply, RESP_TYPES } from "redis"
import * as Options from "./options.ts"

/** No server could be reached in time, or the one that was has not answered. */
export class Unreachable extends Data.TaggedError("Unreachable")<{
  readonly url: string
  readonly problem: string
  readonly cause?: unknown
}> {
  override get message(): string {
    const { cause } = this
    return `Redis at ${this.url} ${this.problem}${cause instanceof Error ? `: ${cause.message}` : ""}`
  }
}

/** What Redis answers, where strings are bytes. */
export type Reply = Buffer | number | string | null | ReadonlyArray<Reply>

/** One connection. */
export interface Link {
  /** Waits for the connection, to the bound of the options. */
  readonly up: Effect.Effect<void, Unreachable>
  readonly isUp: () => boolean
  /** Sends a command at once; those of one turn leave together. Rejected where the connection is not there, or breaks. */
  readonly send: (command: ReadonlyArray<string | Buffer>) => Promise<Reply>
  readonly timeout: Duration.Duration
  readonly unreachable: (problem: string, cause?: unknown) => Unreachable
}

/** A connection until the scope closes. */
export const make = (options: Options.Options): Effect.Effect<Link, never, Scope.Scope> =>
  Effect.gen(function*() {
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const timeout = Duration.fromInputUnsafe(options.timeout ?? "10 seconds")
    const url = Options.shown(options)
    const unreachable = (problem: string, cause?: unknown) => new Unreachable({ url, problem, cause })
    const isUp = Latch.makeUnsafe(false)
    let problem: unknown
    const client = open(options)
    client.on("ready", () => {
      if (problem !== undefined) run(Effect.logInfo("Redis is back"))
      problem = undefined
      isUp.openUnsafe()
    })
    client.on("error", (cause: unknown) => {
      if (problem === undefined) run(Effect.logWarning("Redis cannot be reached", unreachable("is not there", cause)))
      problem = cause
      if (!client.isReady) isUp.closeUnsafe()
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        // Goes on until it is there; what is wrong meanwhile is told as an error of the client.
        client.connect().catch(() => undefined)
      }),
      () => {
        isUp.closeUnsafe()
        return Effect.sync(() => client.isOpen && client.destroy())
      }
    )
    const commands = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer })
    return {
      up: Effect.suspend(() =>
        client.isReady ? Exit.void : Effect.timeoutOrElse(isUp.await, {
          duration: timeout,
          orElse: () => Effect.fail(unreachable("is not there", problem))
        })
      ),
      isUp: () => client.isReady,
      send: (command) => commands.sendCommand<Reply>(command as Array<string | Buffer>),
      timeout,
      unreachable
    }
  })

/** Whether the server has said no; everything else is the connection's fault, and may be tried again. */
export const isRefusal = (cause: unknown): cause is ErrorReply =>
  cause instanceof ErrorReply && !/^(LOADING|TRYAGAIN|MASTERDOWN|CLUSTERDOWN)/.test(cause.message)

/** Whether the server knows no such group, or its stream is gone. */
export const isGroupMissing = (cause: unknown): boolean =>
  cause instanceof ErrorReply && /^(NOGROUP|UNBLOCKED)/.test(cause.message)

// ---------------------------------------------------------------------------------------------------------------------

const open = (options: Options.Options) => {
  const { tls, ...settings } = Options.settings(options)
  return createClient({
    ...settings,
    RESP: 2,
    disableOfflineQueue: true,
    // A timer for each command costs more than the command. Who waits for an answer has a bound of its own.
    commandOptions: { timeout: 0 },
    // Beyond what publishings and acknowledgements ever have under way.
    commandsQueueMaxLength: 65_536,
    pingInterval: 10_000,
    socket: {
      ...tls,
      connectTimeout: 5000,
      // A server that says nothing is given up after 30 seconds.
      socketTimeout: 30_000,
      // Doubles from 50 ms to 2 seconds; the odd numbers of milliseconds keep clients of one restart apart.
      reconnectStrategy: (retries) => Math.min(50 * 2 ** retries, 2000) + process.pid % 250
    }
  })
}
