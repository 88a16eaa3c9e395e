/**
 * What happens after an attempt failed: again, elsewhere, or not at all.
 *
 * What never reached a handler moves to another instance; what may have run is repeated only if the method is
 * idempotent. Attempts on instances that were not tried yet are bounded by `furthest`; attempts beyond them, by
 * `repeats`, each after a pause of full jitter.
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Instance } from "../../Registry.ts"
import * as RpcError from "../../RpcError.ts"
import type { SelectOptions } from "../../Selector.ts"
import type { Call, Failure, TransportError } from "../../Transport.ts"

/** Where a call has been. */
export interface History {
  readonly tried: Set<string>
  readonly unfit: Set<string>
  readonly last: RpcError.RpcError
  readonly tries: number
  readonly repeats: number
}

/** At most so many instances are tried in search of one that takes the call. */
const furthest = 16

/** At most so many attempts that may run a handler again, or knock again where nobody answered. */
const repeats = 3

/** The longest that the first pause before knocking again may be, in milliseconds; the next ones double it. */
const pause = 25

/** The history after one more failure, or undefined where that failure is final. */
export const next = (
  history: History | undefined,
  error: RpcError.RpcError,
  instance: Instance,
  idempotent: boolean
): History | undefined => {
  if (!error.neverRan && !(idempotent && error.reason._tag === "Disconnected")) return undefined
  const tried = history?.tried ?? new Set<string>()
  const unfit = history?.unfit ?? new Set<string>()
  const again = tried.has(instance.id) || !error.neverRan
  const moved: History = {
    tried,
    unfit,
    last: error,
    tries: (history?.tries ?? 0) + 1,
    repeats: (history?.repeats ?? 0) + (again ? 1 : 0)
  }
  tried.add(instance.id)
  // Who does not know the method will not know it in a moment either.
  if (error.reason._tag === "Unimplemented") unfit.add(instance.id)
  return moved.tries < furthest && moved.repeats < repeats ? moved : undefined
}

/** Whom the next attempt may go to. */
export const choice = (history: History | undefined, key: string | undefined): SelectOptions | undefined => {
  if (history === undefined) return key === undefined ? undefined : { key }
  const { tried, unfit } = history
  return unfit.size === 0 ? { avoid: tried, key } : { avoid: tried, key, keep: (instance) => !unfit.has(instance.id) }
}

/** The pause before an attempt: none before one elsewhere. */
export const wait = (history: History): Effect.Effect<void> => {
  if (history.repeats === 0) return Effect.void
  const longest = pause * 2 ** (history.repeats - 1)
  return Effect.flatMap(Random.next, (share) => Effect.sleep(share * longest))
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
