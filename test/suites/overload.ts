/** A mill with so many stones, and calls that arrive at it whether it keeps up or not. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import { MemoryTransportLive } from "../../src/Layers/MemoryTransport.ts"
import type * as NetworkRpc from "../../src/Layers/NetworkRpc.ts"
import { type Call, isFailure, type Reply, Transport } from "../../src/Transport.ts"
import { serve } from "./fleet.ts"

/** A contract whose calls are a number and nothing else. */
export class Mill extends Contract.Service<Mill>()("mill", {
  grind: Contract.method({ payload: Schema.Int, success: Schema.Int }),
  watch: Contract.method({ success: Contract.stream(Schema.Int) }),
  health: Contract.method({ limited: false })
}) {}

export interface Options {
  readonly transport?: Layer.Layer<Transport> | undefined
  readonly limit?: NetworkRpc.Options["limit"]
  readonly handlers: Partial<Contract.Procedures<typeof Mill["methods"]>>
}

/** What a mill is asked through, and what can be seen of it. */
export interface Door {
  readonly ask: (method: string, payload: unknown, head?: Partial<Call>) => Effect.Effect<Reply>
  readonly watch: Stream.Stream<Reply>
  /** The number that a metric has now. */
  readonly read: (metric: string) => number
  readonly snapshot: () => ReadonlyArray<Metric.Metric.Snapshot>
  readonly leave: Effect.Effect<void>
}

const bytes = new TextEncoder()

/** A served mill, and a connection to it that neither waits nor tries again. */
export const open = (options: Options) =>
  Effect.gen(function*() {
    const transport = Context.get(yield* Layer.build(Layer.fresh(options.transport ?? MemoryTransportLive)), Transport)
    const registry = new Map()
    const handlers = {
      grind: Effect.succeed,
      watch: () => Stream.never,
      health: () => Effect.void,
      ...options.handlers
    }
    const { address, leave } = yield* Effect.provideService(
      serve(Mill, handlers, { transport: Layer.succeed(Transport, transport), options: { limit: options.limit } }),
      Metric.MetricRegistry,
      registry
    )
    const connection = yield* transport.connect(address)
    const call = (method: string): Call => ({
      service: "mill",
      method: `Mill.${method}`,
      contentType: "application/json",
      headers: {}
    })
    const snapshot = () => Metric.snapshotUnsafe(Context.make(Metric.MetricRegistry, registry))
    const door: Door = {
      ask: (method, payload, head) =>
        Effect.orDie(
          connection.unary(
            { ...call(method), ...head },
            bytes.encode(payload === undefined ? "" : JSON.stringify(payload))
          )
        ),
      watch: Stream.orDie(connection.stream(call("watch"), bytes.encode(""))),
      read: (metric) => {
        const found = snapshot().find(({ id }) => id === metric)?.state as
          | { count?: number; value?: number }
          | undefined
        return found?.count ?? found?.value ?? Number.NaN
      },
      snapshot,
      leave
    }
    return door
  })

/**
 * So many stones, which turn for a chance time of so many milliseconds in the mean, at a speed that may change. The calls
 * that run take turns, so that all of them end late, and not only some, where too many run.
 */
export const makeStones = (stones: number, mean: number) =>
  Effect.map(Semaphore.make(stones), (semaphore) => {
    const state = { speed: 1 }
    const turns = 4
    const turn = (millis: number) => semaphore.withPermits(1)(Effect.suspend(() => Effect.sleep(millis / state.speed)))
    // Exponential: as many short ones as there are in real life, and a few of seven times the mean.
    const grind = (grain: number) =>
      Effect.flatMap(Random.next, (luck) =>
        Effect.as(Effect.repeat(turn(-Math.log(1 - luck) * mean / turns), { times: turns - 1 }), grain))
    return { state, grind }
  })

/** What became of a call, when it came and how long it took, in milliseconds. */
export interface Record {
  readonly status: string
  readonly came: number
  readonly took: number
  readonly retryAfter: number | undefined
}

/** Calls that arrive by chance, so many a second, for so many seconds; each has a second to be answered. */
export const arrivals = (door: Door, perSecond: number, seconds: number) =>
  Effect.gen(function*() {
    const records: Array<Record> = []
    const start = yield* Clock.currentTimeMillis
    const one = Effect.gen(function*() {
      const came = (yield* Clock.currentTimeMillis) - start
      const reply = yield* door.ask("grind", 1, { timeout: 1000 })
      const took = (yield* Clock.currentTimeMillis) - start - came
      const failed = isFailure(reply) ? reply : undefined
      records.push({ status: failed?.status ?? "OK", came, took, retryAfter: failed?.retryAfter })
    })
    let due = 0
    while (due < seconds * 1000) {
      const gap = -Math.log(1 - (yield* Random.next)) * 1000 / perSecond
      due += gap
      yield* Effect.sleep(start + due - (yield* Clock.currentTimeMillis))
      yield* Effect.forkChild(one)
    }
    yield* Effect.sleep("2 seconds")
    return records
  })

/** The calls that were answered well, a second, between two moments. */
export const goodput = (records: ReadonlyArray<Record>, from: number, to: number): number =>
  records.filter(({ came, status, took }) => status === "OK" && came + took >= from && came + took < to).length /
  ((to - from) / 1000)

/** The time below which a part of the answered calls stayed. */
export const quantile = (records: ReadonlyArray<Record>, part: number): number => {
  const times = records.filter(({ status }) => status === "OK").map(({ took }) => took).toSorted((a, b) => a - b)
  return times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? Number.NaN
}
