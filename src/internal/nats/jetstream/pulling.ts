/**
 * What one subscription asks of its consumer: as many events as it has room for, one question at a time.
 *
 * The server remembers what it has handed out; what is not settled in time, or was given back, comes again. An event that
 * comes again while it is still in hand is not handed out twice: whoever has it settles it under its new name.
 */
import type { Msg, NatsConnection } from "@nats-io/transport-node"
import { nanos } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { Buffer } from "node:buffer"
import type { Message } from "../../../Message.ts"
import * as Head from "../head.ts"

/** An event that was handed out and not accepted yet. */
export interface Entry {
  readonly sequence: number
  readonly message: Message
  readonly topic: string
  /** Where it is settled. */
  place: string
  attempt: number
  /** Whether it waits here or is worked on; one that was given back is the server's, until it comes again. */
  isHeld: boolean
}

type Taken = readonly [Entry, ...Array<Entry>]

export interface Pulling {
  /** Hears all that comes to the inbox. */
  readonly hear: (message: Msg) => void
  /** Asks for as much as there is room for; what was asked before is forgotten. */
  readonly ask: () => void
  /** Waits for an event, and takes all that wait. */
  readonly take: Effect.Effect<Taken>
  readonly settle: (entry: Entry, verdict: string) => void
  /** Says that an event is not lost. */
  readonly tell: (entry: Entry) => void
  /** Those that wait here. */
  readonly waiting: () => ReadonlyArray<Entry>
  /** From where a consumer has to begin that knows nothing of this subscription; undefined where nothing has come. */
  readonly next: () => number | undefined
  /** Counts what has come from the server, so that silence can be told. */
  readonly signs: () => number
  /** Whether it waits for an answer. */
  readonly isAsking: () => boolean
  /** Gives back all that is held. */
  readonly end: () => void
}

/** A subscription that holds so many events, two questions' worth at the most. `lost` is told that its consumer is gone. */
export const make = (connection: NatsConnection, options: {
  readonly inbox: string
  readonly stream: string
  readonly consumer: string
  readonly prefetch: number
  readonly lost: () => void
}): Pulling => {
  const { prefetch } = options
  const owed = new Map<number, Entry>()
  const readHead = Head.reader()
  let waiting: Array<Entry> = []
  let taker: (() => void) | undefined
  let held = 0
  let asked = 0
  let signs = 0
  let last: number | undefined
  let isOver = false

  const ask = () => {
    const batch = prefetch - held
    if (isOver || connection.isClosed() || batch < Math.max(1, prefetch >> 1)) return
    asked = batch
    const question = JSON.stringify({ batch, expires: nanos(expires), idle_heartbeat: nanos(heartbeat) })
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${options.stream}.${options.consumer}`
    connection.publish(subject, question, { reply: options.inbox })
  }
  const answered = (code: number | undefined, description: string) => {
    if (code === undefined || code === 100) return
    asked = 0
    // No time is lost with a question whose time is up; what else the server has against it may last.
    if (code === 408) ask()
    else if (code === 503 || /deleted/i.test(description)) options.lost()
  }
  const enter = (message: Msg) => {
    const told = read(message, options.stream, readHead)
    if (told === undefined) return
    const { attempt, sequence } = told
    if (asked > 0) asked--
    const known = owed.get(sequence)
    if (known?.isHeld === true) {
      known.place = told.place
      known.attempt = Math.max(attempt, known.attempt)
    } else {
      const again = known === undefined ? attempt : Math.max(attempt, known.attempt + 1)
      const entry: Entry = { ...told, attempt: again, isHeld: true }
      owed.set(sequence, entry)
      last = Math.max(last ?? 0, sequence)
      held++
      waiting.push(entry)
      if (taker !== undefined) queueMicrotask(taker)
      taker = undefined
    }
    if (asked === 0) ask()
  }
  const settle = (entry: Entry, verdict: string) => {
    if (!entry.isHeld) return
    entry.isHeld = false
    held--
    if (verdict === accepted) owed.delete(entry.sequence)
    // Without a connection the server takes it for lost, and hands it out again.
    if (!connection.isClosed()) connection.publish(entry.place, verdict)
    if (asked === 0) ask()
  }
  return {
    hear: (message) => {
      signs++
      if (message.subject === options.inbox) answered(message.headers?.code, message.headers?.description ?? "")
      else enter(message)
    },
    ask: () => {
      asked = 0
      ask()
    },
    take: Effect.callback((resume) => {
      let isGone = false
      const wake = () => {
        if (isGone) return
        if (waiting.length === 0) {
          taker = wake
          return
        }
        const taken = waiting as unknown as Taken
        waiting = []
        resume(Exit.succeed(taken))
      }
      wake()
      return Effect.sync(() => {
        isGone = true
        if (taker === wake) taker = undefined
      })
    }),
    settle,
    tell: (entry) => {
      if (entry.isHeld && !connection.isClosed()) connection.publish(entry.place, working)
    },
    waiting: () => waiting,
    next: () => {
      if (last === undefined) return undefined
      let first = last + 1
      for (const sequence of owed.keys()) first = Math.min(first, sequence)
      return first
    },
    signs: () => signs,
    isAsking: () => asked > 0,
    end: () => {
      isOver = true
      for (const entry of owed.values()) settle(entry, givenBack(undefined))
    }
  }
}

/** What is said of an event that was handled. */
export const accepted = "+ACK"

/** What is said of one that is to come again. */
export const givenBack = (delayMillis: number | undefined): string =>
  delayMillis === undefined ? "-NAK" : `-NAK ${JSON.stringify({ delay: nanos(delayMillis) })}`

/** How often the server says that there is nothing, and how long it does. */
export const heartbeat = 5000
const expires = 30_000

// ---------------------------------------------------------------------------------------------------------------------

/** What is said of one that is worked on. */
const working = "+WPI"

/** What the place where a message is settled tells of it, besides. */
const read = (message: Msg, stream: string, readHead: Head.Reader): Omit<Entry, "isHeld"> | undefined => {
  const { data: body, reply, subject } = message
  if (reply === undefined) return undefined
  const tokens = reply.split(".")
  // With a domain and an account in front, where the server knows of them.
  const at = tokens.length > 9 ? 6 : 4
  const sequence = Number(tokens[at + 1])
  if (tokens[1] !== "ACK" || !Number.isSafeInteger(sequence)) return undefined
  const { headers, id } = readHead(message, body, Buffer.byteLength(subject) + Buffer.byteLength(reply))
  return {
    sequence,
    message: { id: id === "" ? `${stream}-${sequence}` : id, headers, body },
    topic: subject.slice(stream.length + 1),
    place: reply,
    attempt: Number(tokens[at])
  }
}
