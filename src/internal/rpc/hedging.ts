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
import type { Letter } from "./writing.ts"

/** How long to wait for the first instance, in milliseconds; undefined where the call is not to be sent twice. */
export const delay = ({ method: { hedge }, pace, target }: Line.Line, head: Line.Head): number | undefined => {
  if (hedge === undefined) return undefined
  Budget.pay(target.hedges, head.since)
  const wait = hedge === "p95" ? pace.p95 : hedge
  return wait === undefined ? undefined : Math.max(least, wait)
}

/** Sends a call, and sends it again after so many milliseconds without an answer. */
export const send = (
  line: Line.Line,
  head: Line.Head,
  letter: Letter,
  options: SelectOptions | undefined,
  wait: number,
  first: Exchange.Visit
): Effect.Effect<Reply, Line.Fault> =>
  Effect.suspend(() => {
    const { target } = line
    const second = Exchange.visit(first.history, letter.writing, true)
    /** How the first of the two failed. */
    let failed: Ended | undefined
    const ended = (exit: Ended, isAlone: boolean): Effect.Effect<Reply, Line.Fault> => {
      if (isAlone || isAnswer(exit)) return exit
      if (failed !== undefined) return failed
      failed = exit
      return Effect.never
    }
    const hedge = Effect.suspend(() => {
      const again = spare(line, head)
      if (again === undefined || first.instance === undefined || !Budget.spend(target.hedges)) return Effect.never
      target.hedged++
      const elsewhere = Exchange.make(line, again, letter, besides(first.instance.id, options), second)
      return Effect.flatMap(Effect.exit(elsewhere), (exit) => {
        first.hedge = second.instance
        if (isAnswer(exit)) first.writing = second.writing
        if (second.instance !== undefined) return ended(exit, false)
        // There was nobody else.
        target.hedged--
        return Effect.never
      })
    })
    return Effect.raceFirst(
      Effect.flatMap(
        Effect.exit(Exchange.make(line, head, letter, options, first)),
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

/** The head of a second call, if there is time and nobody is overloaded. */
const spare = ({ target }: Line.Line, head: Line.Head): Line.Head | undefined => {
  const since = now(head.clock)
  const left = head.deadline - since
  return left <= 0 || Throttle.share(target.throttle, since) > 0
    ? undefined
    : { ...head, since, cut: false, call: { ...head.call, timeout: left } }
}

const besides = (id: string, options: SelectOptions | undefined): SelectOptions => ({
  ...options,
  keep: (instance) => instance.id !== id && options?.keep?.(instance) !== false
})
