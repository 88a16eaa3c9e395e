/**
 * What a client tells of the calls that it makes, under the names of OpenTelemetry's conventions.
 *
 * All clients of a service in a process that share a registry of metrics add up to the same series. What can be read from
 * a client is not counted twice: those series ask for it when somebody exports them.
 */
import * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import { RpcError } from "../../RpcError.ts"
import * as Durations from "./durations.ts"

/** Takes down what became of a call of one method, and how many milliseconds it took. */
export type Tally = (outcome: string, millis: number) => void

/** What a client has counted. */
export interface Counts {
  /** Attempts made, hedges among them. */
  attempts: number
  /** Attempts that the budget did not pay for. */
  unpaid: number
  /** Calls refused here. */
  throttled: number
  /** Calls sent twice. */
  hedged: number
}

/** Who counts, for as long as it does. */
export interface Counting extends Counts {
  /** Attempts that could be paid for now. */
  readonly budget: () => number
}

export interface Meter {
  /** The tally of one method. */
  readonly of: (method: string) => Tally
  /** Adds a client; returns what to do when it leaves. What it has counted stays. */
  readonly join: (client: Counting) => () => void
}

/** The meter of a service, in the registry of that context. */
export const make = (service: string, context: Context.Context<never>): Meter => {
  const registry = Context.get(context, Metric.MetricRegistry)
  const meters = known.get(registry) ?? new Map<string, Meter>()
  known.set(registry, meters)
  const meter = meters.get(service) ?? open(service, context)
  meters.set(service, meter)
  return meter
}

/** What a call that failed counts as. */
export const outcome = (error: unknown): string => error instanceof RpcError ? error.reason._tag : "Error"

// ---------------------------------------------------------------------------------------------------------------------

const known = new WeakMap<object, Map<string, Meter>>()

const open = (service: string, context: Context.Context<never>): Meter => {
  const attributes = { "rpc.system.name": "effect-micro", "rpc.service": service }
  const clients = new Set<Counting>()
  const departed: Counts = { attempts: 0, unpaid: 0, throttled: 0, hedged: 0 }
  const sum = (read: (client: Counting) => number): number => {
    let sum = 0
    for (const client of clients) sum += read(client)
    return sum
  }
  const counter = (name: string, description: string, key: keyof Counts) => {
    Metric.registerUnsafe(Metric.counter(name, { description, attributes, incremental: true }), context, {
      get: () => ({ count: departed[key] + sum((client) => client[key]), incremental: true }),
      update: () => {},
      modify: () => {}
    })
  }
  counter("rpc.client.attempts", "Attempts of calls", "attempts")
  counter("rpc.client.retries.refused", "Further attempts that the budget did not pay for", "unpaid")
  counter("rpc.client.throttled", "Calls that were not sent because most of them were refused", "throttled")
  counter("rpc.client.hedges", "Calls sent to a second instance", "hedged")
  Metric.registerUnsafe(
    Metric.gauge("rpc.client.retries.budget", { description: "Further attempts that are paid for", attributes }),
    context,
    { get: () => ({ value: sum((client) => client.budget()) }), update: () => {}, modify: () => {} }
  )
  return {
    of: remembered((method) => tally(service, method, context)),
    join: (client) => {
      clients.add(client)
      return () => {
        if (!clients.delete(client)) return
        for (const key of ["attempts", "unpaid", "throttled", "hedged"] as const) departed[key] += client[key]
      }
    }
  }
}

/** Series are made as outcomes come, of which there are ten. */
const tally = (service: string, method: string, context: Context.Context<never>): Tally => {
  const attributes = { "rpc.system.name": "effect-micro", "rpc.service": service, "rpc.method": `${service}/${method}` }
  const series = remembered((outcome) =>
    Durations.make(
      "rpc.client.call.duration",
      "How long calls took until they ended, with all attempts",
      { ...attributes, "rpc.response.status_code": outcome },
      context
    ).durations
  )
  let succeeded: Durations.Durations | undefined
  return (outcome, millis) =>
    Durations.record(outcome === "OK" ? succeeded ??= series(outcome) : series(outcome), millis)
}

const remembered = <A>(make: (key: string) => A): (key: string) => A => {
  const made = new Map<string, A>()
  return (key) => {
    const known = made.get(key)
    if (known !== undefined) return known
    const value = make(key)
    made.set(key, value)
    return value
  }
}
