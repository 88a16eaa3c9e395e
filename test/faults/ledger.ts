/** A service whose every run is written down, and the ways to call it. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import type { RpcError } from "../../src/RpcError.ts"

const Entry = Schema.Struct({ id: Schema.String, text: Schema.String })
const Line = Schema.Struct({ by: Schema.String, text: Schema.String })

/** What an instance answers. */
export type Line = typeof Line.Type

/** Writes entries down. Those who say `Again` may run twice without harm. */
export class Ledger extends Contract.Service<Ledger>()("ledger", {
  enter: Contract.method({ payload: Entry, success: Line }),
  enterAgain: Contract.method({ payload: Entry, success: Line, idempotent: true }),
  follow: Contract.method({ payload: Entry, success: Contract.stream(Line) }),
  followAgain: Contract.method({ payload: Entry, success: Contract.stream(Line), idempotent: true }),
  gather: Contract.method({ payload: Contract.stream(Entry), success: Line }),
  talk: Contract.method({ payload: Contract.stream(Entry), success: Contract.stream(Line) })
}) {}

/** What handlers write into. */
export interface Pen {
  /** An entry is written down by an instance. */
  readonly note: (id: string, by: string) => void
  /** Handlers that have begun and not ended. */
  open: number
  /** Instances whose handlers never come to an end by themselves. */
  readonly stuck: Set<string>
  /** Completes when a handler that is stuck has begun. */
  readonly working: Deferred.Deferred<void>
}

/** What has run where. */
export interface Book extends Pen {
  /** The instances of each run, by the id of its entry. */
  readonly runs: ReadonlyMap<string, ReadonlyArray<string>>
}

export const makeBook = (): Book => {
  const runs = new Map<string, ReadonlyArray<string>>()
  return { ...makePen((id, by) => runs.set(id, [...runs.get(id) ?? [], by])), runs }
}

export const makePen = (note: Pen["note"]): Pen => ({
  note,
  open: 0,
  stuck: new Set(),
  working: Deferred.makeUnsafe()
})

/** Long enough for a byte in the middle of it to be neither of its head nor of its end. */
const page = "0123456789abcdef".repeat(256)

/** Replies of a stream. */
export const pages = 3

/** The handlers of an instance. */
export const handlers = (by: string, book: Pen): Contract.Procedures<(typeof Ledger)["methods"]> => {
  const line: Line = { by, text: page }
  const run = (id: string) =>
    Effect.suspend(() => {
      book.note(id, by)
      return book.stuck.has(by) ? Effect.andThen(Deferred.succeed(book.working, undefined), Effect.never) : Effect.void
    })
  const counted = Effect.acquireRelease(
    Effect.sync(() => book.open++),
    () => Effect.sync(() => book.open--)
  )
  const enter = ({ id }: typeof Entry.Type) => Effect.scoped(Effect.andThen(counted, Effect.as(run(id), line)))
  const follow = ({ id }: typeof Entry.Type) =>
    Stream.unwrap(
      Effect.as(Effect.andThen(counted, run(id)), Stream.make(...Array.from({ length: pages }, () => line)))
    )
  // The first message names the entry; without it nothing has been done.
  const heard = (entries: Stream.Stream<typeof Entry.Type, RpcError>) =>
    Stream.unwrap(
      Effect.as(
        counted,
        Stream.mapEffect(entries, ({ id, text }, index) => Effect.as(index === 0 ? run(id) : Effect.void, { by, text }))
      )
    )
  return {
    enter,
    enterAgain: enter,
    follow,
    followAgain: follow,
    gather: (entries) => Effect.as(Stream.runDrain(heard(entries)), line),
    talk: heard
  }
}

/** A kind of call. */
export type Kind = "unary" | "idempotent" | "server stream" | "idempotent server stream" | "client stream" | "bidi"

/** A call of each kind: what it was answered. */
export const calls: Readonly<
  Record<Kind, (ledger: Ledger["Service"], id: string) => Effect.Effect<ReadonlyArray<Line>, RpcError>>
> = {
  unary: (ledger, id) => Effect.map(ledger.enter({ id, text: page }), Array.of<Line>),
  idempotent: (ledger, id) => Effect.map(ledger.enterAgain({ id, text: page }), Array.of<Line>),
  "server stream": (ledger, id) => Stream.runCollect(ledger.follow({ id, text: page })),
  "idempotent server stream": (ledger, id) => Stream.runCollect(ledger.followAgain({ id, text: page })),
  "client stream": (ledger, id) => Effect.map(ledger.gather(messages(id)), Array.of<Line>),
  bidi: (ledger, id) => Stream.runCollect(ledger.talk(messages(id)))
}

/** Whether a kind may run twice. */
export const isIdempotent = (kind: Kind): boolean => kind.startsWith("idempotent")

// ---------------------------------------------------------------------------------------------------------------------

const messages = (id: string) => Stream.make(...Array.from({ length: pages }, () => ({ id, text: page })))
