/**
 * Where notices are put up and read: subjects that all processes of a domain share.
 */
import { createInbox, type Msg, type NatsConnection } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type { Instance } from "../../../Registry.ts"
import * as Headers from "../headers.ts"
import type { Link, Unreachable } from "../link.ts"
import * as Notice from "./notice.ts"

/** Who reads, and who is asked. */
export interface Reader {
  readonly here: (here: Notice.Here) => void
  readonly gone: (gone: Notice.Gone) => void
  /** Those of this process. */
  readonly own: () => Iterable<Instance>
}

export interface Board {
  /** Reads all notices from now on, if it does not yet; completes when the server knows. */
  readonly open: (connection: NatsConnection) => Effect.Effect<void, Unreachable>
  /** Answers those who ask, from now on, if it does not yet. */
  readonly answer: (connection: NatsConnection) => void
  /** Asks who is there; completes when those who are had the time to say so. */
  readonly ask: (connection: NatsConnection) => Effect.Effect<void>
  /** Asks one instance, and waits for nothing. */
  readonly askFor: (connection: NatsConnection, instance: Instance) => void
  readonly say: (connection: NatsConnection, instance: Instance) => void
  readonly leave: (connection: NatsConnection, instance: Instance) => void
  /** Bytes of what is said of an instance. */
  readonly sizeOf: (instance: Instance) => number
}

/** The board of a domain, on which a notice is good for so many milliseconds. */
export const make = (link: Link, domain: string, ttl: number, reader: Reader): Board => {
  const subjects = Notice.subjects(domain)
  const inbox = createInbox()
  let answers = 0
  let isAlone = false
  let isOpen = false
  let isAnswering = false
  const written = (instance: Instance) => Notice.here.write({ instance, ttl })
  const hearHere = (_: unknown, message: Msg) => {
    const here = Notice.here.read(message.string())
    if (here !== undefined) reader.here(here)
  }
  const hearAnswer = (error: unknown, message: Msg) => {
    answers++
    if (Headers.of(message)?.code === 503) isAlone = true
    else hearHere(error, message)
  }
  const hearGone = (_: unknown, message: Msg) => {
    const gone = Notice.gone.read(message.string())
    if (gone !== undefined) reader.gone(gone)
  }
  const hearWho = (_: unknown, message: Msg) => {
    const { reply } = message
    const who = Notice.who.read(message.string())
    if (!reply || who === undefined) return
    for (const instance of reader.own()) if (isAbout(who, instance)) message.respond(written(instance))
  }
  return {
    open: (connection) =>
      Effect.suspend(() => {
        if (!isOpen) {
          isOpen = true
          connection.subscribe(inbox, { callback: hearAnswer })
          connection.subscribe(subjects.here, { callback: hearHere })
          connection.subscribe(subjects.gone, { callback: hearGone })
        }
        return link.flush
      }),
    answer: (connection) => {
      if (!isAnswering) connection.subscribe(subjects.who, { callback: hearWho })
      isAnswering = true
    },
    ask: (connection) =>
      Effect.suspend(() => {
        isAlone = false
        connection.publish(subjects.who, Notice.who.write({}), { reply: inbox })
        return settled(() => answers, () => isAlone)
      }),
    askFor: (connection, { id, service }) =>
      connection.publish(subjects.who, Notice.who.write({ service, id }), { reply: inbox }),
    say: (connection, instance) => connection.publish(subjects.here, written(instance)),
    leave: (connection, { id, service }) => connection.publish(subjects.gone, Notice.gone.write({ service, id })),
    sizeOf: (instance) => Buffer.byteLength(written(instance))
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const isAbout = ({ id, service }: Notice.Who, instance: Instance): boolean =>
  (service === undefined || service === instance.service) && (id === undefined || id === instance.id)

/** Milliseconds: for the first answer, between two of them, and for all. Where nobody is to answer, the server says so. */
const [first, pause, all] = [1000, 50, 3000]

/** Completes when nobody has anything to say any more. */
const settled = (answers: () => number, isAlone: () => boolean): Effect.Effect<void> =>
  Effect.gen(function*() {
    const start = answers()
    for (let waited = 0; waited < all && !isAlone(); waited += pause) {
      const before = answers()
      yield* Effect.sleep(pause)
      if (answers() === before && (before > start || waited >= first)) return
    }
  })
