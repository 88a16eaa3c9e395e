/**
 * Where a subscription of core NATS listens: at its topic, and, with a group, where other members leave what they had.
 */
import type { Msg, NatsConnection } from "@nats-io/transport-node"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import type { Interest } from "../../Broker.ts"
import type { Message } from "../../Message.ts"
import * as Head from "./head.ts"
import { isPrivate, own } from "./subject.ts"

export interface Listening {
  readonly start: () => void
  /** What is published from now on is not heard. */
  readonly pause: () => void
  readonly isPaused: () => boolean
  /** No more events come, and those that were on their way have. */
  readonly drain: Effect.Effect<void>
  /** What the server has against it. */
  readonly refusal: () => Error | undefined
  /** Leaves an event for the other members of the group, where there is one. Nobody hears of one that is lost. */
  readonly handOn: (message: Message, topic: string, handed: number) => void
}

/** Who hears. */
export interface Listener {
  /** Whether it has room: what comes while it has none is not read, which costs more than all the rest. */
  readonly isReady: () => boolean
  readonly heard: (message: Message, topic: string, handed: number) => void
}

/** Listens from the start on. `name` tells events without an id apart. */
export const make = (
  connection: NatsConnection,
  topic: string,
  { group, wildcards }: Interest,
  name: string,
  listener: Listener
): Listening => {
  const back = group === undefined ? undefined : returnedTo(group, topic)
  let subscriptions: ReadonlyArray<ReturnType<NatsConnection["subscribe"]>> = []
  let count = 0
  let refusal: Error | undefined

  /** The subject of all messages, where it is one, as the client decodes it anew for each. */
  const hear = (only: string | undefined, skip: number) => {
    const read = Head.reader()
    const onlySize = only === undefined ? undefined : Buffer.byteLength(only)
    return (error: Error | null, message: Msg) => {
      if (error !== null) return void (refusal = error)
      if (!listener.isReady()) return
      const subject = only ?? message.subject
      const body = message.data
      const { handed, headers, id } = read(message, body, onlySize ?? Buffer.byteLength(subject))
      const from = skip === 0 ? subject : subject.slice(skip)
      if (wildcards === true && isPrivate(from)) return
      listener.heard({ id: id === "" ? `${name}-${++count}` : id, headers, body }, from, handed)
    }
  }
  const listen = (subject: string, only: string | undefined, skip: number) =>
    connection.subscribe(subject, { ...(group === undefined ? {} : { queue: group }), callback: hear(only, skip) })
  return {
    start: () => {
      const own = listen(topic, wildcards === true ? undefined : topic, 0)
      subscriptions = back === undefined ? [own] : [own, listen(`${back}.>`, undefined, back.length + 1)]
    },
    pause: () => {
      for (const subscription of subscriptions) subscription.unsubscribe()
      subscriptions = []
    },
    isPaused: () => subscriptions.length === 0,
    drain: Effect.suspend(() =>
      Effect.asVoid(Effect.timeoutOption(
        Effect.promise(() => Promise.allSettled(subscriptions.map((one) => one.drain()))),
        Duration.seconds(1)
      ))
    ),
    refusal: () => refusal,
    handOn: (message, topic, handed) => {
      if (back === undefined || connection.isClosed()) return
      connection.publish(`${back}.${topic}`, message.body, { headers: Head.writer()(message, handed) })
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Where members of a group leave what they had for the others; the topic of the event comes behind it. */
const returnedTo = (group: string, topic: string): string =>
  `${own}returned.${Buffer.from(`${group} ${topic}`).toString("base64url")}`
