/**
 * What happens after an attempt failed: again, elsewhere, or not at all.
 *
 * What never left moves to another instance, and costs nobody anything. What somebody had to do with is paid from the budget
 * of the service. What may have run is repeated only if the method is idempotent.
 */
import type { Instance } from "../../Registry.ts"
import * as RpcError from "../../RpcError.ts"
import type { SelectOptions } from "../../Selector.ts"
import { type Call, type Failure, TransportError } from "../../Transport.ts"
import * as Budget from "./budget.ts"
import type { Policy } from "./policy.ts"
import type { Target } from "./target.ts"

/** Where a call has been. */
export interface History {
  readonly tried: Set<string>
  readonly unfit: Set<string>
  readonly last: RpcError.RpcError
  /** How many attempts there were. */
  readonly tries: number
  /** How many of them came back to an instance that had not taken the call. */
  readonly knocks: number
  /** How many of them may have run, or were refused for overload. */
  readonly ran: number
  /** How many of them were refused by an instance that was leaving. */
  readonly left: number
  /** What to wait before the next one, in milliseconds: so long at least, and so much by lot. */
  readonly pause: { readonly least: number; readonly lot: number }
}

/** At most so many instances are tried in search of one that takes the call. */
const furthest = 16

/** At most so many attempts that knock again where nobody took the call. */
const knocks = 3

/** What became of an attempt, as far as the next one is concerned. */
export type Outcome =
  /** It never left. */
  | "unsent"
  /** The instance was about to leave. */
  | "leaving"
  /** The instance does not know the method. */
  | "unfit"
  /** The instance has too much to do. */
  | "overloaded"
  /** It took much longer than others do, and was given up. */
  | "cut"
  /** It may have run, and may run again. */
  | "lost"
  /** There is nothing to be tried again. */
  | "final"

/** What a failed attempt comes to. */
export const outcome = ({ neverRan, reason }: RpcError.RpcError, idempotent: boolean, cut: boolean): Outcome => {
  switch (reason._tag) {
    case "Unreachable":
      return reason.cause instanceof TransportError ? "unsent" : "leaving"
    case "Unimplemented":
      return "unfit"
    case "Overloaded":
      return "overloaded"
    case "Disconnected":
      return idempotent ? "lost" : "final"
    default:
      return cut && !neverRan ? "cut" : "final"
  }
}

/**
 * The history after one more failure, or undefined where that failure is final.
 *
 * **Details**
 *
 * Free are attempts after one that never left, or that met an instance which does not know the method; and one after an
 * instance that was leaving. All others are paid from the budget. `attempts` bounds those that may run a handler and those
 * refused for overload, of which only one is followed by another.
 */
export const next = (
  history: History | undefined,
  failed: Outcome,
  error: RpcError.RpcError,
  instance: Instance,
  policy: Policy,
  target: Target
): History | undefined => {
  const before = history ?? nowhere(error)
  const isBack = before.tried.has(instance.id)
  const moved: History = {
    tried: before.tried,
    unfit: before.unfit,
    last: error,
    tries: before.tries + 1,
    knocks: before.knocks + (isBack && !costs(failed) ? 1 : 0),
    ran: before.ran + (costs(failed) ? 1 : 0),
    left: before.left + (failed === "leaving" ? 1 : 0),
    pause: pause(before, failed, error, isBack, policy)
  }
  moved.tried.add(instance.id)
  // Who does not know the method will not know it in a moment either.
  if (failed === "unfit") moved.unfit.add(instance.id)
  if (failed === "final" || moved.tries >= furthest || moved.knocks >= knocks) return undefined
  if (costs(failed) && moved.ran >= policy.attempts) return undefined
  if (failed === "overloaded" && before.last.reason._tag === "Overloaded" && before.tries > 0) return undefined
  if (isPaid(failed, before, target.retries)) return moved
  target.unpaid++
  return undefined
}

/** The history of a call that was sent to a second instance, which is as good as one attempt more. */
export const hedged = (history: History, { id }: Instance): History => {
  history.tried.add(id)
  return { ...history, tries: history.tries + 1, ran: history.ran + 1 }
}

/** Whom the next attempt may go to, beside what is true of all attempts. */
export const choice = (history: History | undefined, key: string | undefined, all: SelectOptions): SelectOptions => {
  if (history === undefined) return key === undefined ? all : { ...all, key }
  const { tried, unfit } = history
  const moved = { ...all, avoid: tried, key }
  return unfit.size === 0 ? moved : { ...moved, keep: (instance) => !unfit.has(instance.id) }
}

/** What a failure of the wire means to the caller. */
export const fromTransport = (error: TransportError, call: Call): RpcError.RpcError => {
  const facts = { service: call.service, method: call.method, cause: error }
  switch (error.reason._tag) {
    case "NotConnected":
    case "CannotListen":
      return RpcError.make("Unreachable", facts)
    case "ConnectionLost":
      return RpcError.make("Disconnected", facts)
    case "LimitExceeded":
      return RpcError.make("Malformed", facts)
    case "Unsupported":
      return RpcError.make("Unimplemented", facts)
  }
}

const decoder = new TextDecoder()

/** What a failure reply means to the caller; not for `Error`, which is the contract's own. */
export const fromFailure = (reply: Failure, call: Call): RpcError.RpcError => {
  const text = decoder.decode(reply.body)
  const facts = {
    service: call.service,
    method: call.method,
    ...(text === "" ? undefined : { cause: new Error(text) })
  }
  switch (reply.status) {
    case "Unavailable":
      return RpcError.make("Unreachable", facts)
    case "Overloaded":
      return RpcError.make("Overloaded", { ...facts, retryAfter: reply.retryAfter })
    case "Defect":
    case "Error":
      return RpcError.make("RemoteDefect", facts)
    default:
      return RpcError.make(reply.status, facts)
  }
}

/** Whether a failure of the wire speaks against the instance: only then does the selector hear of it. */
export const isInstanceFault = ({ reason }: TransportError): boolean =>
  reason._tag === "NotConnected" || reason._tag === "ConnectionLost"

// ---------------------------------------------------------------------------------------------------------------------

const nowhere = (last: RpcError.RpcError): History => ({
  tried: new Set(),
  unfit: new Set(),
  last,
  tries: 0,
  knocks: 0,
  ran: 0,
  left: 0,
  pause: none
})

/** Whether an attempt is one of those that the options bound. */
const costs = (failed: Outcome): boolean => failed === "cut" || failed === "lost" || failed === "overloaded"

const isPaid = (failed: Outcome, before: History, budget: Budget.Budget): boolean => {
  switch (failed) {
    case "unsent":
    case "unfit":
      return true
    case "leaving":
      return before.left === 0 || Budget.spend(budget)
    case "cut":
      // It was cut short because there was an attempt left.
      Budget.owe(budget)
      return true
    default:
      return Budget.spend(budget)
  }
}

const none: History["pause"] = { least: 0, lot: 0 }

/** None before an attempt elsewhere, unless somebody had to do with the one that failed. */
const pause = (
  before: History,
  failed: Outcome,
  { reason }: RpcError.RpcError,
  isBack: boolean,
  { longestPause, pause }: Policy
): History["pause"] => {
  const waits = failed === "lost" || failed === "overloaded" || (isBack && failed !== "cut")
  return waits
    ? {
      least: reason._tag === "Overloaded" ? reason.retryAfter ?? 0 : 0,
      lot: Math.min(longestPause, pause * 2 ** (before.knocks + before.ran))
    }
    : none
}
