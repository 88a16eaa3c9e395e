/**
 * Numbers of a selector that are read when somebody exports them, and cost nothing else.
 */
import type * as Context from "effect/Context"
import * as Metric from "effect/Metric"

/** Registers gauges of one service, by name. The same name again, in the same registry, replaces what was there. */
export const register = (
  service: string,
  context: Context.Context<never>,
  gauges: Readonly<Record<string, readonly [description: string, read: () => number]>>
): ReadonlyArray<() => void> =>
  Object.entries(gauges).map(([name, [description, read]]) => {
    const attributes = { "rpc.system.name": "effect-micro", "rpc.service": service }
    return Metric.registerUnsafe(Metric.gauge(name, { description, attributes }), context, {
      get: () => ({ value: read() }),
      update: () => {},
      modify: () => {}
    }).remove
  })
