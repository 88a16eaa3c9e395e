/**
 * The books of a producer and of its consumers, while both sides' processes and the broker between them are killed.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as References from "effect/References"
import * as Schedule from "effect/Schedule"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Broker from "../../src/Broker.ts"
import * as Nats from "../servers/nats.ts"
import * as Process from "../servers/process.ts"
import * as Redis from "../servers/redis.ts"
import { Entered, type Kind, layer } from "./broker.ts"

export interface Plan {
  readonly kind: Kind
  readonly events: number
  /** How often a subscriber is killed, and how often the broker. */
  readonly subscribers: number
  readonly brokers: number
}

export interface Result {
  /** Events that the producer knows to be published, and no consumer has written down. */
  readonly lost: number
  /** Events that were written down again. */
  readonly duplicates: number
  /** Publishings that failed, and were repeated with all their events. */
  readonly repeated: number
}

const batch = 500

/** Runs a plan to its end: when all that was published is written down, or nothing has come for 20 seconds. */
export const run = Effect.fnUntraced(function*({ brokers, events, kind, subscribers }: Plan) {
  const folder = yield* Process.folder
  const broker = yield* kind === "jetstream" ? Nats.open({ jetStream: true }) : Redis.open()
  const book = path.join(folder, "book")
  fs.writeFileSync(book, "")
  const written = () => fs.statSync(book).size / 8
  const script = path.join(import.meta.dirname, "subscriber.ts")
  const member = Process.program(process.execPath, () => [script, kind, broker.url, book], /listens/)
  const members = [yield* member, yield* member]
  for (const { start } of members) yield* start

  let repeated = 0
  const publishing = Effect.gen(function*() {
    for (let from = 0; from < events; from += batch) {
      const some = Array.from({ length: Math.min(batch, events - from) }, (_, at) => from + at)
      yield* Effect.retry(Broker.publishAll(Entered, some), { while: () => ++repeated > 0 })
    }
  }).pipe(Effect.provide(layer(kind, broker.url)))
  const publisher = yield* Effect.forkScoped(publishing)

  const until = (count: number) =>
    Effect.repeat(Effect.sync(written), { until: (now) => now >= count, schedule: Schedule.spaced("5 millis") })
  // The kills are spread over the events, those of the broker between those of subscribers.
  const kills = [
    ...Array.from({ length: subscribers }, (_, at) => ({ at: (at + 0.5) / subscribers, victim: members[at % 2]! })),
    ...Array.from({ length: brokers }, (_, at) => ({ at: (at + 0.6) / brokers, victim: broker }))
  ].toSorted((a, b) => a.at - b.at)
  for (const { at, victim } of kills) {
    yield* until(at * events)
    yield* victim.kill
    yield* victim.start
  }
  yield* Fiber.join(publisher)
  const lines = () => fs.readFileSync(book, "latin1").split("\n").slice(0, -1)
  let last = { count: -1, quiet: 0 }
  yield* Effect.repeat(
    Effect.sync(() => {
      const count = written()
      last = { count, quiet: count === last.count ? last.quiet + 1 : 0 }
      return new Set(lines()).size === events || last.quiet > 40
    }),
    { until: (isOver) => isOver, schedule: Schedule.spaced("500 millis") }
  )
  const found = lines()
  const distinct = new Set(found.map(Number)).size
  return { lost: events - distinct, duplicates: found.length - distinct, repeated } satisfies Result
}, Effect.provideService(References.MinimumLogLevel, "None"))
