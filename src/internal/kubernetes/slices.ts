/**
 * Slices of endpoints, as the API server of Kubernetes lists and watches them.
 *
 * A list has a version, and a watch tells of every change after it; bookmarks carry the version on while nothing changes.
 * A version that is too old fails the watch, and all is listed again.
 */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { RegistryError } from "../../Registry.ts"
import * as Api from "../registry/api.ts"

/** Some of the endpoints of a service. */
export type Slice = typeof Slice.Type

const Slice = Schema.Struct({
  metadata: Schema.Struct({
    name: Schema.String,
    labels: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String)))
  }),
  addressType: Schema.optionalKey(Schema.String),
  endpoints: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({
    addresses: Schema.Array(Schema.String),
    conditions: Schema.optionalKey(Schema.Struct({ ready: Schema.optionalKey(Schema.NullOr(Schema.Boolean)) })),
    nodeName: Schema.optionalKey(Schema.String),
    zone: Schema.optionalKey(Schema.String),
    targetRef: Schema.optionalKey(Schema.Struct({ name: Schema.optionalKey(Schema.String) }))
  })))),
  ports: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({
    name: Schema.optionalKey(Schema.NullOr(Schema.String)),
    port: Schema.optionalKey(Schema.NullOr(Schema.Number))
  }))))
})

/** The label that names the service of a slice. */
export const serviceLabel = "kubernetes.io/service-name"

/** All slices of a service, or of the namespace, now and after each change; fails at the first error. */
export const follow = (
  api: Api.Api,
  namespace: string,
  service?: string
): Stream.Stream<ReadonlyArray<Slice>, RegistryError> =>
  Stream.unwrap(Effect.gen(function*() {
    const path = `/apis/discovery.k8s.io/v1/namespaces/${encodeURIComponent(namespace)}/endpointslices`
    const params = service === undefined ? {} : { labelSelector: `${serviceLabel}=${service}` }
    const reply = yield* api.send(HttpClientRequest.get(path, { urlParams: params }), patience)
    if (reply.status !== 200) return yield* Effect.fail(Api.refusal(api.registry, path, reply))
    const { items, metadata } = yield* read(api, decodeList, reply.body)
    const known = new Map((items ?? []).map((slice) => [slice.metadata.name, slice]))
    let version = metadata.resourceVersion
    const take = Effect.fnUntraced(function*(line: string) {
      const { object, type } = yield* read(api, decodeEvent, line)
      if (type === "ERROR") {
        return yield* Effect.fail(Api.unavailable(api.registry, `${path} is watched no more`, object))
      }
      version = (yield* read(api, decodeVersion, object)).metadata.resourceVersion
      if (type === "BOOKMARK") return [...known.values()]
      const slice = yield* read(api, decodeSlice, object)
      if (type === "DELETED") known.delete(slice.metadata.name)
      else known.set(slice.metadata.name, slice)
      return [...known.values()]
    })
    const watch = Stream.suspend(() => {
      const watching = { ...params, watch: "1", allowWatchBookmarks: "true", timeoutSeconds: String(longest) }
      return api.lines(HttpClientRequest.get(path, { urlParams: { ...watching, resourceVersion: version } })).pipe(
        Stream.mapEffect(take),
        Stream.interruptWhen(Effect.sleep((longest + 5) * 1000))
      )
    })
    return Stream.concat(
      Stream.sync(() => [...known.values()]),
      Stream.forever(Stream.concat(watch, pause))
    )
  }))

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds for a list. */
const patience = 10_000

/** Seconds that a watch lasts before another one goes on from its version: a connection that is half dead says nothing. */
const longest = 60

/** A server that ends a watch at once is not asked again at once. */
const pause = Stream.drain(Stream.fromEffect(Effect.sleep("200 millis")))

const decodeList = Schema.decodeUnknownEffect(Schema.fromJsonString(Schema.Struct({
  metadata: Schema.Struct({ resourceVersion: Schema.String }),
  items: Schema.optionalKey(Schema.NullOr(Schema.Array(Slice)))
})))

const decodeEvent = Schema.decodeUnknownEffect(
  Schema.fromJsonString(Schema.Struct({ type: Schema.String, object: Schema.Unknown }))
)

const decodeSlice = Schema.decodeUnknownEffect(Slice)

const decodeVersion = Schema.decodeUnknownEffect(
  Schema.Struct({ metadata: Schema.Struct({ resourceVersion: Schema.String }) })
)

const read = <A, I>(
  { registry }: Api.Api,
  decode: (input: I) => Effect.Effect<A, unknown>,
  input: I
): Effect.Effect<A, RegistryError> =>
  Effect.mapError(decode(input), (cause) => Api.unavailable(registry, "an answer of it cannot be read", cause))
