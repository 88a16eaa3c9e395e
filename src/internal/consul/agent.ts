/**
 * The agent of Consul beside this process: it is told of instances, and asked for those of all agents.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Instance, RegistryError } from "../../Registry.ts"
import * as Api from "../registry/api.ts"
import type * as Roster from "../registry/roster.ts"
import * as Secret from "../registry/secret.ts"
import * as Standing from "../registry/standing.ts"
import * as Entry from "./entry.ts"
import type { Options } from "./options.ts"
import * as Query from "./query.ts"

/** What every request says of who asks. */
export const headers = (token: Options["token"]): Effect.Effect<Readonly<Record<string, string>>, RegistryError> =>
  token === undefined
    ? Effect.succeed({})
    : Effect.map(Secret.read("Consul", token), (text) => ({ "x-consul-token": text }))

/** Who is well of a service, now and whenever that may have changed. */
export const instances = (
  api: Api.Api,
  options: Options,
  service: string
): Stream.Stream<Roster.Roster, RegistryError> =>
  Stream.suspend(() => {
    /** Whether the last list was empty, and may be. */
    let isTrusted = false
    const permitted = Effect.fnUntraced(function*(list: Roster.Roster, isFiltered: boolean) {
      const isEmpty = list.length === 0
      if (isEmpty && isFiltered) return yield* forbidden(service)
      if (isEmpty && !isTrusted) yield* authorized(api, service)
      isTrusted = isEmpty
    })
    return Query.answers(api, {
      path: `/v1/health/service/${encodeURIComponent(service)}`,
      params: reading(options),
      decode: Entry.toRoster,
      permitted
    })
  })

/** The names of all services, sorted, now and whenever they may have changed. Consul's own is none of the fleet. */
export const services = (api: Api.Api, options: Options): Stream.Stream<ReadonlyArray<string>, RegistryError> =>
  Query.answers(api, {
    path: "/v1/catalog/services",
    params: reading(options),
    decode: (body) => Result.map(decodeServices(body), Object.keys),
    // Whoever may see anything sees Consul itself.
    permitted: (names) => names.length > 0 ? Effect.void : forbidden("any service")
  }).pipe(Stream.map((names) => names.filter((name) => name !== "consul").toSorted()))

/** How the agent is told of instances. */
export const announcer = (api: Api.Api, options: Options): Standing.Announcer => {
  const { check = { ttl: "10 seconds" } } = options
  const announce = Effect.fnUntraced(function*(instance: Instance) {
    const deregisterAfter = Duration.fromInputUnsafe(options.deregisterAfter ?? "65 seconds")
    const definition = Entry.fromInstance(instance, check, deregisterAfter)
    if (Result.isFailure(definition)) return yield* Effect.fail(Standing.invalid(instance, definition.failure))
    yield* put(api, "/v1/agent/service/register", { ...writing(options), "replace-existing-checks": "true" }, {
      ...definition.success
    })
  })
  const withdraw = (instance: Instance) =>
    put(api, `/v1/agent/service/deregister/${encodeURIComponent(Entry.idOf(instance))}`, writing(options)).pipe(
      Effect.andThen(seen(api, options, instance, false))
    )
  return {
    registry: api.registry,
    announce: (instance) => Effect.andThen(announce(instance), seen(api, options, instance, true)),
    withdraw,
    beat: Effect.fnUntraced(function*(instance) {
      const known = "ttl" in check ? yield* pass(api, options, instance) : yield* isKnown(api, options, instance)
      if (!known) yield* announce(instance)
    }),
    every: "ttl" in check ? Duration.times(Duration.fromInputUnsafe(check.ttl), 0.2) : Duration.seconds(2)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds for an agent to take something in; it is on the same machine. */
const patience = 5000

/** Milliseconds that a change has to come from the agent to all who watch, before nobody waits for it any more. */
const propagation = 2000

const writing = ({ namespace, partition }: Options): Record<string, string> => ({
  ...(namespace === undefined ? {} : { ns: namespace }),
  ...(partition === undefined ? {} : { partition })
})

const reading = (options: Options): Record<string, string> => {
  const { consistency = "stale", datacenter } = options
  return {
    ...writing(options),
    ...(datacenter === undefined ? {} : { dc: datacenter }),
    ...(consistency === "default" ? {} : { [consistency]: "" })
  }
}

const send = (api: Api.Api, path: string, urlParams: Record<string, string>, body?: object) => {
  const request = HttpClientRequest.put(path, { urlParams })
  return api.send(body === undefined ? request : HttpClientRequest.bodyJsonUnsafe(request, body), patience)
}

/** An id that is not known has been deregistered already. */
const put = Effect.fnUntraced(
  function*(api: Api.Api, path: string, params: Record<string, string>, body?: object) {
    const reply = yield* send(api, path, params, body)
    if (reply.status === 200 || reply.status === 404 && body === undefined) return
    return yield* Effect.fail(Api.refusal(api.registry, path, reply))
  }
)

/** Whether the agent knows the instance that says it is well. */
const pass = Effect.fnUntraced(function*(api: Api.Api, options: Options, instance: Instance) {
  const path = `/v1/agent/check/update/${encodeURIComponent(Entry.checkOf(instance))}`
  const reply = yield* send(api, path, writing(options), { Status: "passing" })
  if (reply.status === 200) return true
  // An older Consul says so with 500.
  if (reply.status === 404 || reply.body.includes("does not have associated TTL")) return false
  return yield* Effect.fail(Api.refusal(api.registry, path, reply))
})

const isKnown = Effect.fnUntraced(function*(api: Api.Api, options: Options, instance: Instance) {
  const path = `/v1/agent/service/${encodeURIComponent(Entry.idOf(instance))}`
  const reply = yield* api.send(HttpClientRequest.get(path, { urlParams: writing(options) }), patience)
  if (reply.status === 200 || reply.status === 404) return reply.status === 200
  return yield* Effect.fail(Api.refusal(api.registry, path, reply))
})

/** Waits until others see that the instance is there, or is not. Who may not read cannot know. */
const seen = (api: Api.Api, options: Options, instance: Instance, isThere: boolean): Effect.Effect<void> =>
  instances(api, { ...options, datacenter: undefined }, instance.service).pipe(
    Stream.filter((list) => list.some(({ id }) => id === instance.id) === isThere),
    Stream.runHead,
    Effect.timeoutOrElse({ duration: propagation, orElse: () => Effect.void }),
    Effect.ignore
  )

const decodeServices = Schema.decodeUnknownResult(
  Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))
)

const forbidden = (what: string): Effect.Effect<void, RegistryError> =>
  Effect.fail(Api.unavailable("Consul", `its token has no permission to read ${what}`))

/**
 * Asks whether nobody is there, or nobody is shown: Consul answers both with an empty list, and only newer ones say which
 * it is. An agent without access control does not know the question.
 */
const authorized = Effect.fnUntraced(function*(api: Api.Api, service: string) {
  const request = HttpClientRequest.post("/v1/internal/acl/authorize")
  const question = [{ Resource: "service", Access: "read", Segment: service }]
  const reply = yield* api.send(HttpClientRequest.bodyJsonUnsafe(request, question), patience)
  if (reply.status === 200 && /"Allow"\s*:\s*false/.test(reply.body)) yield* forbidden(service)
})
