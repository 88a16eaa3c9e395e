/**
 * What a subscriber has decided about the events of one stream, on its way back to the publisher.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import type { Failure, Reply } from "../../../Transport.ts"
import * as Frames from "./frames.ts"
import type * as Slot from "./slot.ts"

export interface Ledger extends Slot.Ledger {
  /** Frames of verdicts, each with those of some milliseconds; then the failure, if there is one. */
  readonly pull: Pull.Pull<readonly [Reply]>
}

export const make = (): Ledger => {
  let runs: Array<Frames.Verdict> = []
  let settled = 0
  let entered = 0
  let open = 0
  let ended: Failure | "complete" | undefined
  let wake: (() => void) | undefined

  const isComplete = () => ended !== undefined && (ended !== "complete" || open === 0)
  const isDue = () => runs.length > 0 || isComplete()
  // Nothing is gained by waiting for more: the publisher may be waiting for these.
  const isFull = () => open === 0 || settled >= enough || isComplete()
  const until = (condition: () => boolean) =>
    Effect.callback<void>((resume) => {
      if (condition()) return resume(Effect.void)
      wake = () => {
        if (condition()) resume(Effect.void)
      }
      return Effect.sync(() => {
        wake = undefined
      })
    })
  const gathered = Effect.andThen(
    until(isDue),
    Effect.suspend(() => isFull() ? Effect.void : Effect.timeoutOption(until(isFull), patience))
  )
  const next = Effect.suspend((): Exit.Exit<readonly [Reply], Cause.Done> => {
    if (runs.length > 0) {
      const frame = Frames.writeVerdicts(runs)
      runs = []
      settled = 0
      return Exit.succeed([frame])
    }
    const last = ended
    ended = "complete"
    open = 0
    return last === undefined || last === "complete" ? Exit.fail(Cause.Done()) : Exit.succeed([last])
  })
  return {
    enter: (count) => {
      const first = entered
      entered += count
      open += count
      return first
    },
    settle: (event, pause) => {
      open--
      settled++
      const run = runs.at(-1)
      if (run !== undefined && run.from + run.count === event && run.pause === pause) run.count++
      else runs.push({ from: event, count: 1, pause })
      wake?.()
    },
    end: (failure) => {
      ended ??= failure ?? "complete"
      wake?.()
    },
    pull: Effect.andThen(gathered, next)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** A frame goes out with so many verdicts. */
const enough = 512

/** A frame goes out after so long: a publisher's handler may be slow with the next event. */
const patience = "2 millis"
