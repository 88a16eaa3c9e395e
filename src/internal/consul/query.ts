/**
 * A question that Consul answers again when the answer may have changed: a blocking query.
 *
 * An index goes with each answer, and the next question waits for a higher one. It is good for one life of one server:
 * after an error, or when it goes backwards, the question is asked anew. A server that is asked with an index from the
 * future keeps silent for the whole wait, which is therefore short.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import type { RegistryError } from "../../Registry.ts"
import * as Api from "../registry/api.ts"
import { now } from "../wheel.ts"

/** What is asked, and how an answer is read. */
export interface Query<A> {
  readonly path: string
  readonly params: Readonly<Record<string, string>>
  readonly decode: (body: string) => Result.Result<A, unknown>
  /** Asked where there is nobody, as to one who may not see anybody. Fails where that is so. */
  readonly permitted: (answer: A, isFiltered: boolean) => Effect.Effect<void, RegistryError>
}

/** The answer, now and whenever it may have changed; fails at the first error. */
export const answers = <A>(api: Api.Api, query: Query<A>): Stream.Stream<A, RegistryError> =>
  Stream.unfold(
    start,
    Effect.fnUntraced(function*(asked: Asked) {
      const clock = yield* Clock.Clock
      const early = asked.before + 1000 - now(clock)
      if (early > 0) yield* Effect.sleep(early)
      const at = now(clock)
      const { answer, index } = yield* ask(api, query, asked.index)
      return [answer, { index, before: asked.last, last: at }] as const
    })
  )

// ---------------------------------------------------------------------------------------------------------------------

interface Asked {
  /** What the next question waits to be exceeded, in decimal: it may be larger than a number can be. */
  readonly index: string | undefined
  /** When the last question was asked and the one before: two a second, however often others change. */
  readonly last: number
  readonly before: number
}

const start: Asked = { index: undefined, last: -Infinity, before: -Infinity }

/** Seconds that a question waits for a change. A half-dead connection is found out after these. */
const wait = 60

/** Milliseconds for an answer: the server adds a sixteenth of the wait by chance. */
const patience = wait * 1000 * 17 / 16 + 5000
const patienceAtOnce = 10_000

const ask = Effect.fnUntraced(function*<A>(api: Api.Api, query: Query<A>, sent: string | undefined) {
  const blocking = sent === undefined ? {} : { index: sent, wait: `${wait}s` }
  const request = HttpClientRequest.get(query.path, { urlParams: { ...query.params, ...blocking } })
  const reply = yield* api.send(request, sent === undefined ? patienceAtOnce : patience)
  const { headers, status } = reply
  if (status !== 200) return yield* Effect.fail(Api.refusal(api.registry, query.path, reply))
  // A server that has lost its leader may not have heard of anybody yet.
  if (headers["x-consul-knownleader"] === "false") {
    return yield* Effect.fail(Api.unavailable(api.registry, "its servers have no leader"))
  }
  const answer = yield* Effect.mapError(
    Effect.fromResult(query.decode(reply.body)),
    (cause) => Api.unavailable(api.registry, `the answer to ${query.path} cannot be read`, cause)
  )
  yield* query.permitted(answer, headers["x-consul-results-filtered-by-acls"] === "true")
  return { answer, index: following(headers["x-consul-index"], sent) }
})

/** The index to wait for next; none where the server has begun to count anew. */
const following = (told: string | undefined, sent: string | undefined): string | undefined => {
  if (told === undefined || !/^\d{1,20}$/.test(told) || BigInt(told) < 1n) return undefined
  return sent !== undefined && BigInt(told) < BigInt(sent) ? undefined : told
}
