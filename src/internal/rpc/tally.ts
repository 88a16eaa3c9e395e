/**
 * What a server tells of the calls that it answers, under the names of OpenTelemetry's conventions.
 *
 * A series is there from the first call that belongs to it, and for as long as the service is served. What a number can
 * be read from is not counted twice: those series ask for it when somebody exports them.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"
import type { Status } from "../../Transport.ts"
import type { Admission } from "./admission.ts"
import * as Durations from "./durations.ts"
import type { Running } from "./running.ts"

/** What became of a call. */
export type Outcome = "OK" | "Cancelled" | Status

/** Takes down how long a call took until it was answered, or given up. */
export type Tally = (outcome: Outcome, millis: number) => void

export interface Tallies {
  /** The tally of one method. */
  readonly of: (method: string) => Tally
  readonly remove: () => void
}

/** The series of a service, until they are removed. */
export const make = (
  service: string,
  context: Context.Context<never>,
  running: Running,
  admission: Admission | undefined
): Tallies => {
  const removals: Array<() => void> = gauges(service, context, running, admission)
  const of = (method: string): Tally => {
    const series = new Map<Outcome, Durations.Durations>()
    const open = (outcome: Outcome) => {
      const { durations, remove } = Durations.make(
        "rpc.server.call.duration",
        "How long calls took until they were answered",
        { ...system(service), "rpc.method": `${service}/${method}`, "rpc.response.status_code": outcome },
        context
      )
      removals.push(remove)
      series.set(outcome, durations)
      return durations
    }
    let succeeded: Durations.Durations | undefined
    return (outcome, millis) =>
      Durations.record(
        outcome === "OK" ? succeeded ??= open(outcome) : series.get(outcome) ?? open(outcome),
        millis
      )
  }
  return {
    of,
    remove: () => {
      for (const remove of removals) remove()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const system = (service: string) => ({ "rpc.system.name": "effect-micro", "rpc.service": service })

const gauges = (
  service: string,
  context: Context.Context<never>,
  running: Running,
  admission: Admission | undefined
): Array<() => void> => {
  const attributes = system(service)
  const counter = (name: string, description: string, incremental: boolean, read: () => number) =>
    Metric.registerUnsafe(Metric.counter(name, { description, attributes, incremental }), context, {
      get: () => ({ count: read(), incremental }),
      update: () => {},
      modify: () => {}
    }).remove
  const gauge = (name: string, description: string, read: () => number) =>
    Metric.registerUnsafe(Metric.gauge(name, { description, attributes }), context, {
      get: () => ({ value: read() }),
      update: () => {},
      modify: () => {}
    }).remove
  const active = counter("rpc.server.active_requests", "Calls whose handler runs", false, () => running.count)
  return admission === undefined ? [active] : [
    active,
    gauge("rpc.server.limit", "Calls that may run at once", () => admission.limit.value),
    gauge("rpc.server.queue.length", "Calls that wait for a place", () => admission.waiting.size),
    counter("rpc.server.shed", "Calls that were refused for want of a place", true, () => admission.shed)
  ]
}
