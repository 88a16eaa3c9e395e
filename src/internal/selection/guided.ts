/**
 * The choice among instances that were asked how busy they are.
 *
 * Three are asked: the two that look best by what is known, and one by lot, since what is known of it may be old. Who does
 * not answer is busy with something else, or gone; that is an answer, too.
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Arr from "effect/Array"
import * as Effect from "effect/Effect"
import type { Instance } from "../../Registry.ts"
import type { Loads } from "../../Selector.ts"
import { now } from "../wheel.ts"
import * as Latencies from "./latencies.ts"
import * as Members from "./members.ts"
import type * as Peak from "./peak.ts"
import * as Reports from "./reports.ts"
import type { Choice, Picker } from "./strategy.ts"

export interface Rules extends Peak.Rates {
  /** How long a choice waits for answers at least, in milliseconds. */
  readonly patience: number
}

/** Picks for one service. */
export const make = (rules: Rules): Picker => {
  const fleet: Fleet = { rules, latencies: Latencies.make(rules), reports: Members.make(), usual: Reports.usual() }
  return {
    pick: (choice) => {
      const time = follow(fleet, choice)
      return lend(fleet, choice, fleet.latencies.lesser(choice, time), time)
    },
    ask: (choice, loads) => {
      const time = follow(fleet, choice)
      const asking = { fleet, choice, loads, time }
      const seen = look(asking)
      return Reports.isWorthAsking(fleet.usual, time) ? answers(asking, most(asking, seen)) : undefined
    },
    look: fleet.latencies.look
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** How many are looked at: to look at all of a large fleet would cost more than to ask. */
const window = 16

/** Milliseconds that somebody who has not answered in time is left out for, unless the answer comes after all. */
const absence = 1000

/** Round trips that a choice waits for answers, where that is more than its patience. */
const patience = 3

interface Fleet {
  readonly rules: Rules
  readonly latencies: Latencies.Latencies
  readonly reports: Members.Members<Reports.Report>
  readonly usual: Reports.Usual
}

/** A choice for which instances are asked. */
interface Asking {
  readonly fleet: Fleet
  readonly choice: Choice
  readonly loads: Loads
  readonly time: number
}

type Some = NonEmptyReadonlyArray<Instance>

/** Takes in who there is. Returns when that was. */
const follow = ({ latencies, reports }: Fleet, choice: Choice): number => {
  const time = now(choice.clock)
  latencies.follow(choice, time)
  reports.follow(choice.list, Reports.make)
  return time
}

/** Some candidates that may be asked, the first of them by lot, with what they have said by now. */
const look = ({ choice, fleet, loads, time }: Asking): Some => {
  const { candidates, random } = choice
  const from = Math.floor(random.nextDoubleUnsafe() * candidates.length)
  const count = Math.min(window, candidates.length)
  const seen = Array.from({ length: count }, (_, index) => candidates[(from + index) % candidates.length]!)
  for (const instance of seen) Reports.hear(fleet.reports.of(instance), loads.last(instance), fleet.usual)
  const present = seen.filter((instance) =>
    Math.abs(time - fleet.reports.of(instance).missedAt) >= absence &&
    !fleet.latencies.isHeldBack(instance, choice, time)
  )
  return Arr.isReadonlyArrayNonEmpty(present) ? present : seen as unknown as Some
}

/** The first, and the two that look best of the others. */
const most = (asking: Asking, [first, ...others]: Some): Some => {
  let best: Instance | undefined
  let second: Instance | undefined
  let least = Infinity
  let less = Infinity
  for (const instance of others) {
    const cost = costOf(asking, instance, asking.time)
    if (best === undefined || cost < least) {
      second = best
      less = least
      best = instance
      least = cost
    } else if (second === undefined || cost < less) {
      second = instance
      less = cost
    }
  }
  return best === undefined ? [first] : second === undefined ? [first, best] : [first, best, second]
}

/** Asks them, and lends the best of those that have answered, or cannot be asked. Undefined where nobody can be. */
const answers = (asking: Asking, asked: Some): Effect.Effect<Instance> | undefined => {
  const { choice, fleet: { reports, rules, usual }, loads } = asking
  const before = asked.map((instance) => reports.of(instance))
  const said = before.map(({ load }) => load)
  const probes = asked.map((instance) => loads.probe(instance))
  const open = probes.filter((probe) => probe !== undefined)
  if (open.length === 0) return undefined
  usual.askedAt = asking.time
  const wait = Math.max(rules.patience, patience * usual.roundTrip)
  const heard = Effect.timeoutOption(Effect.all(open, { concurrency: "unbounded", discard: true }), wait)
  return Effect.map(heard, () => {
    const time = now(choice.clock)
    const present = asked.filter((instance, index) => {
      if (probes[index] === undefined) return true
      const report = before[index]!
      Reports.hear(report, loads.last(instance), usual)
      if (report.load !== undefined && report.load !== said[index]) return true
      report.missedAt = time
      return false
    })
    const left = Arr.isReadonlyArrayNonEmpty(present) ? present : asked
    return lend(asking.fleet, choice, least(left, (instance) => costOf(asking, instance, time)), time)
  })
}

const least = (instances: Some, cost: (instance: Instance) => number): Instance => {
  let best = instances[0]
  let lowest = Infinity
  for (const instance of instances) {
    const own = cost(instance)
    if (own >= lowest) continue
    best = instance
    lowest = own
  }
  return best
}

/** By what it says; of whom nothing was heard, by what this process has seen. */
const costOf = ({ fleet: { latencies, reports, usual } }: Asking, instance: Instance, time: number): number => {
  const report = reports.find(instance)
  // It may have left while it was asked.
  if (report === undefined) return Infinity
  return report.load === undefined
    ? latencies.cost(instance, time)
    : Reports.cost(report, report.load, usual, time) + latencies.blame(instance, time)
}

const lend = ({ latencies, reports }: Fleet, choice: Choice, instance: Instance, time: number): Instance => {
  const report = reports.find(instance)
  if (report !== undefined) report.lent++
  return latencies.lend(instance, choice, time)
}
