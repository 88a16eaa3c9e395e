/**
 * What is published to JetStream: in runs, each of which the stream has stored before the next one leaves.
 *
 * An event whose acknowledgement has not come is sent again; the stream knows it by its id, and keeps one of them.
 */
import { type ApiError, JetStreamApiError } from "@nats-io/jetstream"
import { createInbox, type Msg, type NatsConnection } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { BrokerError, Refused } from "../../../BrokerError.ts"
import type { Message, Receipt } from "../../../Message.ts"
import * as Head from "../head.ts"
import type { Link } from "../link.ts"
import * as Core from "../publishing.ts"
import type { EventStream } from "./stream.ts"

export type Publish = (topic: string, messages: ReadonlyArray<Message>) => Effect.Effect<Receipt, BrokerError>

/** Publishes to a stream until the scope closes. */
export const make = Effect.fnUntraced(function*(
  link: Link,
  stream: EventStream
): Effect.fn.Return<Publish, never, Scope.Scope> {
  const inbox = createInbox()
  const room = Semaphore.makeUnsafe(inFlight)
  const runs = new Map<string, Run>()
  let count = 0
  let isListening = false
  const listen = (connection: NatsConnection) => {
    if (isListening) return
    isListening = true
    // Ends with the connection.
    connection.subscribe(`${inbox}.*`, {
      callback: (error, message) => {
        if (error !== null) return
        const token = message.subject.slice(inbox.length + 1)
        runs.get(token)?.hear(token, message)
      }
    })
  }
  yield* link.onReconnect(() => new Set(runs.values()).forEach(({ again }) => again()))

  const send = (connection: NatsConnection, topic: string, { begin, waiting }: Run) => {
    begin()
    const write = Head.writer()
    for (const [token, message] of waiting) {
      const headers = write(message)
      connection.publish(`${stream.name}.${topic}`, message.body, { headers, reply: `${inbox}.${token}` })
    }
  }
  const store = Effect.fnUntraced(function*(topic: string, run: Run) {
    for (;;) {
      send(yield* link.up, topic, run)
      const isStored = yield* run.heard
      if (isStored) return
      yield* Effect.sleep(pause)
      // A server that comes back may have lost it.
      yield* Effect.ignore(stream.ensure)
    }
  }, (storing, topic, run) =>
    Effect.timeoutOrElse(storing, {
      duration: link.timeout,
      orElse: () => Effect.fail(link.unreachable(`has not stored events of ${topic}`, run.problem()))
    }))

  return Effect.fnUntraced(function*(topic, messages) {
    yield* Core.check(topic, messages)
    const connection = yield* Effect.mapError(Effect.andThen(stream.ready, link.up), Core.unavailable(topic))
    yield* Core.checkSizes(topic, messages, connection.info!.max_payload)
    listen(connection)
    for (const some of portions(messages)) {
      const storing = Effect.suspend(() => {
        const run = makeRun(topic, new Map(some.map((message) => [String(++count), message])))
        const tokens = [...run.waiting.keys()]
        for (const token of tokens) runs.set(token, run)
        return Effect.ensuring(store(topic, run), Effect.sync(() => tokens.forEach((token) => runs.delete(token))))
      })
      yield* Effect.mapError(
        room.withPermits(some.length)(storing),
        (error) => error._tag === "BrokerError" ? error : Core.unavailable(topic)(error)
      )
    }
    return { acceptedBy: [stream.name] }
  })
})

// ---------------------------------------------------------------------------------------------------------------------

/** Events of one publishing that are sent and not stored yet. */
const runEvents = 512
const runBytes = 4 * 1024 * 1024

/** Those of all publishings. */
const inFlight = 8192

/** After which a stream that is away is asked again. */
const pause = "100 millis"

function* portions(messages: ReadonlyArray<Message>): Generator<ReadonlyArray<Message>> {
  for (let at = 0; at < messages.length;) {
    const start = at
    for (let bytes = 0; at < messages.length && at < start + runEvents && bytes < runBytes; at++) {
      bytes += messages[at]!.body.length
    }
    yield messages.slice(start, at)
  }
}

interface Run {
  /** What is not stored yet, by the tokens of the answers, in order. */
  readonly waiting: Map<string, Message>
  /** Forgets that some were to be sent again: they are, now. */
  readonly begin: () => void
  readonly hear: (token: string, answer: Msg) => void
  /** Some may not have arrived. */
  readonly again: () => void
  /** Whether all are stored; otherwise they are to be sent again. */
  readonly heard: Effect.Effect<boolean, BrokerError>
  readonly problem: () => unknown
}

const makeRun = (topic: string, waiting: Run["waiting"]): Run => {
  let resume: ((exit: Exit.Exit<boolean, BrokerError>) => void) | undefined
  let ended: Exit.Exit<boolean, BrokerError> | undefined
  let problem: unknown
  const end = (exit: Exit.Exit<boolean, BrokerError>) => {
    ended = exit
    resume?.(exit)
  }
  return {
    waiting,
    begin: () => {
      // Answers may have come meanwhile, and all of them.
      ended = waiting.size === 0 ? Exit.succeed(true) : undefined
    },
    hear: (token, { data, headers }) => {
      if (!waiting.has(token)) return
      const error = headers?.code === 503 ? noStream : errorOf(data)
      if (error === undefined) {
        waiting.delete(token)
        if (waiting.size === 0) end(Exit.succeed(true))
      } else if (error.code === 503) {
        problem = new JetStreamApiError(error)
        end(Exit.succeed(false))
      } else end(Exit.fail(refused(topic, error)))
    },
    again: () => end(Exit.succeed(false)),
    heard: Effect.callback((tell) => {
      if (ended !== undefined) return tell(ended)
      resume = tell
      return Effect.sync(() => void (resume = undefined))
    }),
    problem: () => problem
  }
}

/** What a stream answers to an event that it has not stored. */
const errorOf = (answer: Uint8Array): ApiError | undefined => {
  const { error } = JSON.parse(new TextDecoder().decode(answer)) as { readonly error?: ApiError }
  return error
}

const noStream: ApiError = { code: 503, err_code: 0, description: "no stream keeps this subject" }

const refused = (topic: string, error: ApiError): BrokerError =>
  error.code === 400
    ? new BrokerError({ reason: new Refused({ topic, problem: error.description }) })
    : Core.unavailable(topic)(new JetStreamApiError(error))
