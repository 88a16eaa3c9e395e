/**
 * A call that takes long, sent to a second instance: what answers first is the answer, and the other one is cancelled.
 *
 * Only methods that ask for it are hedged, once a call, and of all their calls a twentieth: where more of them are slow, the
 * service is slow, and a second call would make it slower.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { SelectOptions } from "../../Selector.ts"
import type { Reply } from "../../Transport.ts"
import { now } from "../wheel.ts"
import * as Budget from "./budget.ts"
import * as Exchange from "./exchange.ts"
import * as Line from "./line.ts"
import * as Throttle from "./throttle.ts"

/** How long to wait for the first instance, in milliseconds; undefined where the call is not to be sent twice. */
export const delay = ({ method: { hedge }, pace, target }: Line.Line, head: Line.Head): number | undefined => {
  if (hedge === undefined) return undefined
  Budget.pay(target.hedges, head.since)
  const wait = hedge === "p95" ? pace.p95 : hedge
  return wait === undefined ? undefined : Math.max(least, wait)
}

/** Sends a call, and sends it again after so many milliseconds without an answer. `second` is where it then went. */
export const send = (
  line: Line.Line,
  head: Line.Head,
  message: Uint8Array,
  options: SelectOptions | undefined,
  wait: number,
  first: Exchange.Visit,
  second: Exchange.Visit
): Effect.Effect<Reply, Line.Fault> =>
  Effect.suspend(() => {
    const { target } = line
    const { hedges, throttle } = target
    /** How the first of the two failed. */
    let failed: Ended | undefined
    const ended = (exit: Ended, isAlone: boolean): Effect.Effect<Reply, Line.Fault> => {
      if (isAlone || isAnswer(exit) || failed !== undefined) {
        return failed !== undefined && !isAnswer(exit)
          ? failed
          : exit
      }
      failed = exit
      return Effect.never
    }
    const hedge = Effect.suspend(() => {
      const { instance } = first
      const since = now(head.clock)
      const left = head.deadline - since
      const isLate = instance === undefined || failed !== undefined || left <= 0
      if (isLate || Throttle.share(throttle, since) > 0 || !Budget.spend(hedges)) return Effect.never
      const again: Line.Head = { ...head, since, cut: false, call: { ...head.call, timeout: left } }
      target.hedged++
      const elsewhere = Exchange.make(line, again, message, besides(instance.id, options), second)
      return Effect.flatMap(Effect.exit(elsewhere), (exit) => {
        if (second.instance !== undefined) return ended(exit, false)
        // There was nobody else.
        hedges.left++
        target.hedged--
        return failed ?? Effect.never
      })
    })
    return Effect.raceFirst(
      Effect.flatMap(
        Effect.exit(Exchange.make(line, head, message, options, first)),
        (exit) => ended(exit, second.instance === undefined)
      ),
      Effect.andThen(Effect.sleep(wait), hedge)
    )
  })

// ---------------------------------------------------------------------------------------------------------------------

type Ended = Exit.Exit<Reply, Line.Fault>

/** A hedge that comes at once is a second call for each. */
const least = 1

const isAnswer = (exit: Ended): boolean =>
  Exit.isSuccess(exit) &&
  (exit.value instanceof Uint8Array || !(Line.isRefusal(exit.value) || exit.value.status === "DeadlineExceeded"))

const besides = (id: string, options: SelectOptions | undefined): SelectOptions => ({
  ...options,
  keep: (instance) => instance.id !== id && options?.keep?.(instance) !== false
})
