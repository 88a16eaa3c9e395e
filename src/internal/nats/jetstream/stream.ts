/**
 * The stream that keeps all events of a broker, and the consumers that remember how far its subscribers have come.
 */
import {
  AckPolicy,
  type ConsumerInfo,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  jetstreamManager,
  ReplayPolicy,
  RetentionPolicy,
  StorageType
} from "@nats-io/jetstream"
import { nanos } from "@nats-io/transport-node"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { createHash } from "node:crypto"
import type { Link } from "../link.ts"

/** What the stream keeps. */
export interface Options {
  /** The stream's name, which its subjects begin with; `micro` unless told. One that is there is used as it is. */
  readonly stream?: string | undefined
  /** Where the stream is kept; in files unless told. */
  readonly storage?: "file" | "memory" | undefined
  /** How many servers keep it; 1 unless told. */
  readonly replicas?: number | undefined
  /** How long events are kept, handled or not; 7 days unless told. */
  readonly maxAge?: Duration.Input | undefined
  /** How many bytes of events are kept; 1 GiB unless told. Beyond it the oldest go, handled or not. */
  readonly maxBytes?: number | undefined
  /** How long the ids of events are remembered, so that none is stored twice; 2 minutes unless told. */
  readonly duplicateWindow?: Duration.Input | undefined
  /** After which an event of which nothing is heard is handed to somebody else; 30 seconds unless told. */
  readonly ackWait?: Duration.Input | undefined
}

/** There is a stream of that name, and it is for something else. */
export class WrongStream extends Data.TaggedError("WrongStream")<{
  readonly stream: string
  readonly problem: string
}> {
  override get message(): string {
    return `The stream ${this.stream} ${this.problem}`
  }
}

/** Who consumes: the members of a group share one that outlives them. */
export interface Role {
  readonly topic: string
  readonly group: string | undefined
  /** Tells consumers without a group apart. */
  readonly id: string
}

export interface EventStream {
  readonly name: string
  /** Completes once the stream is known to be there. */
  readonly ready: Effect.Effect<void, unknown>
  /** Looks again, and creates the stream where there is none. */
  readonly ensure: Effect.Effect<void, unknown>
  /** Finds the consumer, or creates it: from a place of the stream, or, without one, for what comes from now on. */
  readonly consumer: (role: Role, from: number | undefined) => Effect.Effect<ConsumerInfo, unknown>
  readonly forget: (role: Role) => Effect.Effect<void, unknown>
}

/** The stream of these options. */
export const make = (link: Link, options: Options): EventStream => {
  const name = options.stream ?? "micro"
  const ask = asking(link)
  const subject = `${name}.>`
  const create = ask(({ streams }) => streams.add(settings(name, subject, options)))
  const ensure = ask(({ streams }) => streams.info(name)).pipe(
    Effect.flatMap(({ config: { retention, subjects } }) => {
      const problem = !subjects.includes(subject)
        ? `keeps ${subjects.join(", ")} and not ${subject}`
        : retention === RetentionPolicy.Workqueue
        ? "is a work queue, which only one group can read"
        : undefined
      return problem === undefined ? Effect.void : Effect.fail(new WrongStream({ stream: name, problem }))
    }),
    Effect.catchIf(is(JetStreamApiCodes.StreamNotFound), () => Effect.asVoid(create))
  )
  let isKnown = false
  const known = Effect.tap(ensure, () => Effect.sync(() => void (isKnown = true)))
  return {
    name,
    ready: Effect.suspend(() => isKnown ? Effect.void : known),
    ensure,
    consumer: (role, from) =>
      ask(({ consumers }) => consumers.info(name, consumerName(role))).pipe(
        Effect.catchIf(
          is(JetStreamApiCodes.ConsumerNotFound),
          () => ask(({ consumers }) => consumers.add(name, consumerSettings(name, role, options, from)))
        )
      ),
    forget: (role) => Effect.asVoid(ask(({ consumers }) => consumers.delete(name, consumerName(role))))
  }
}

/** Whether this is the answer of JetStream with that code. */
export const is = (code: number) => (cause: unknown): boolean =>
  cause instanceof JetStreamApiError && cause.code === code

// ---------------------------------------------------------------------------------------------------------------------

type Manager = Awaited<ReturnType<typeof jetstreamManager>>

/** A question that is lost with a connection, or that a server has not heard which is still starting, is asked again. */
const asking = (link: Link) => <A>(question: (manager: Manager) => Promise<A>): Effect.Effect<A, unknown> =>
  Effect.suspend(() => {
    let problem: unknown
    const timeout = Math.min(Duration.toMillis(link.timeout), patience)
    const once = Effect.flatMap(link.up, (connection) =>
      Effect.tryPromise({
        try: () => jetstreamManager(connection, { checkAPI: false, timeout }).then(question),
        catch: (cause) => problem = cause
      }))
    return Effect.timeoutOrElse(
      Effect.retry(once, {
        while: (cause) => !(cause instanceof JetStreamApiError),
        schedule: Schedule.spaced("100 millis")
      }),
      { duration: link.timeout, orElse: () => Effect.fail(link.unreachable("does not answer", problem)) }
    )
  })

/** In milliseconds. */
const patience = 2000

/** Deliveries of one consumer that are not settled, over all members of a group. */
const maxAckPending = 65_536

/** A consumer without a group that nobody has asked anything is forgotten by the server. */
const forgotten = Duration.minutes(5)

const nanosOf = (duration: Duration.Input): number => nanos(Duration.toMillis(Duration.fromInputUnsafe(duration)))

const settings = (name: string, subject: string, options: Options) => ({
  name,
  subjects: [subject],
  retention: RetentionPolicy.Limits,
  discard: DiscardPolicy.Old,
  storage: options.storage === "memory" ? StorageType.Memory : StorageType.File,
  num_replicas: options.replicas ?? 1,
  max_age: nanosOf(options.maxAge ?? "7 days"),
  max_bytes: options.maxBytes ?? 1024 * 1024 * 1024,
  duplicate_window: nanosOf(options.duplicateWindow ?? "2 minutes")
})

/** Readable, and never the same for two: names of consumers have neither dots nor spaces. */
const consumerName = ({ group, id, topic }: Role): string => {
  if (group === undefined) return id
  const hash = createHash("sha256").update(`${group} ${topic}`).digest("hex").slice(0, 16)
  return `${`${group}_${topic}`.replaceAll(/[^A-Za-z0-9_-]+/g, "_").slice(0, 64)}_${hash}`
}

const consumerSettings = (
  stream: string,
  role: Role,
  { ackWait = "30 seconds" }: Options,
  from: number | undefined
) => ({
  ...(role.group === undefined
    ? { name: consumerName(role), inactive_threshold: nanosOf(forgotten) }
    : { durable_name: consumerName(role) }),
  filter_subject: `${stream}.${role.topic}`,
  ...(from === undefined
    ? { deliver_policy: DeliverPolicy.New }
    : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from }),
  ack_policy: AckPolicy.Explicit,
  ack_wait: nanosOf(ackWait),
  max_ack_pending: maxAckPending,
  max_deliver: -1,
  replay_policy: ReplayPolicy.Instant
})
