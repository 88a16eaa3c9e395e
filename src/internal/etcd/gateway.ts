/**
 * The JSON gateway of etcd: requests, and a watch whose events come line by line.
 *
 * All 64-bit numbers are texts of decimals, all keys and values base64; a number that is 0 is not there.
 */
import * as Effect from "effect/Effect"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { RegistryError } from "../../Registry.ts"
import * as Api from "../registry/api.ts"
import type { Options } from "./options.ts"

/** What is at a key. */
export interface Entry {
  readonly key: string
  /** Nothing where the key has been deleted. */
  readonly value: string | undefined
}

/** The JSON gateway of etcd. */
export interface Gateway {
  readonly registry: string
  /** A new lease of so many seconds. */
  readonly grant: (seconds: number) => Effect.Effect<string, RegistryError>
  /** Whether the lease is still there; from now on for its whole time. */
  readonly keepAlive: (lease: string) => Effect.Effect<boolean, RegistryError>
  /** Ends a lease, and deletes what hangs on it. */
  readonly revoke: (lease: string) => Effect.Effect<void, RegistryError>
  readonly put: (key: string, value: string, lease: string) => Effect.Effect<void, RegistryError>
  /** Everything under a prefix, at a revision. */
  readonly range: (
    prefix: string
  ) => Effect.Effect<{ readonly entries: ReadonlyArray<Entry>; readonly revision: string }, RegistryError>
  /** What changes under a prefix after a revision; fails where the revision is too old to tell. */
  readonly watch: (prefix: string, revision: string) => Stream.Stream<ReadonlyArray<Entry>, RegistryError>
}

/** The gateway behind an interface. */
export const make = (api: Api.Api, options: Options): Gateway => {
  const session = login(api, options)
  const done = Effect.fnUntraced(function*(path: string, body: object) {
    const reply = yield* call(api, session, path, body)
    return reply.status === 200 ? reply.body : yield* Effect.fail(Api.refusal(api.registry, path, reply))
  })
  return {
    registry: api.registry,
    grant: (seconds) =>
      Effect.map(
        Effect.flatMap(done("/v3/lease/grant", { TTL: String(seconds) }), (body) => read(api, decodeLease, body)),
        ({ ID }) => ID
      ),
    keepAlive: (ID) =>
      Effect.map(
        Effect.flatMap(done("/v3/lease/keepalive", { ID }), (body) => read(api, decodeKeepAlive, body)),
        ({ result }) => result.TTL !== undefined && result.TTL !== "0"
      ),
    revoke: Effect.fnUntraced(function*(ID) {
      const path = "/v3/lease/revoke"
      const reply = yield* call(api, session, path, { ID })
      if (reply.status !== 200 && reply.status !== 404) yield* Effect.fail(Api.refusal(api.registry, path, reply))
    }),
    put: (key, value, lease) => Effect.asVoid(done("/v3/kv/put", { key: encode(key), value: encode(value), lease })),
    range: Effect.fnUntraced(function*(prefix) {
      const body = yield* done("/v3/kv/range", interval(prefix))
      const { header, kvs = [] } = yield* read(api, decodeRange, body)
      return { revision: header.revision, entries: kvs.map(entry) }
    }),
    watch: (prefix, revision) => watching(api, session, prefix, revision)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds for an answer: one that has to wait for a new leader takes a few seconds. */
const patience = 5000

const request = (path: string, body: object) => HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(path), body)

/** Who one is, as every request says. */
interface Session {
  readonly headers: Effect.Effect<Readonly<Record<string, string>>, RegistryError>
  /** Whether a refusal may be due to a token that is not known any more; the next request has a new one. */
  readonly forget: Effect.Effect<boolean>
}

/** Tokens are forgotten where they are not used for a while, and when a member restarts. */
const login = (api: Api.Api, { password, user }: Options): Session => {
  let token: string | undefined
  return {
    headers: Effect.gen(function*() {
      if (user === undefined) return {}
      if (token === undefined) {
        const name = { name: user, password: password === undefined ? "" : Redacted.value(password) }
        const reply = yield* api.send(request("/v3/auth/authenticate", name), patience)
        if (reply.status !== 200) return yield* Effect.fail(Api.refusal(api.registry, `${user} as its user`, reply))
        token = (yield* read(api, decodeToken, reply.body)).token
      }
      return { authorization: token }
    }),
    forget: Effect.sync(() => {
      const isKnown = token !== undefined
      token = undefined
      return isKnown
    })
  }
}

const call = Effect.fnUntraced(function*(api: Api.Api, { forget, headers }: Session, path: string, body: object) {
  const send = Effect.flatMap(
    headers,
    (headers) => api.send(HttpClientRequest.setHeaders(request(path, body), headers), patience)
  )
  const reply = yield* send
  return reply.status === 401 && (yield* forget) ? yield* send : reply
})

const watching = (
  api: Api.Api,
  { forget, headers }: Session,
  prefix: string,
  revision: string
): Stream.Stream<ReadonlyArray<Entry>, RegistryError> => {
  const create_request = { ...interval(prefix), start_revision: String(BigInt(revision) + 1n) }
  // A member that has lost the others ends the watch, and does not only fall silent.
  const lines = Effect.map(
    headers,
    (headers) =>
      api.lines(HttpClientRequest.setHeaders(request("/v3/watch", { create_request }), {
        ...headers,
        "grpc-metadata-hasleader": "true"
      }))
  )
  return Stream.unwrap(lines).pipe(
    Stream.mapEffect((line) => read(api, decodeWatch, line)),
    Stream.mapEffect(({ error, result }) =>
      error !== undefined || result?.canceled === true
        ? Effect.fail(Api.unavailable(api.registry, `the watch of ${prefix} ended`, error ?? result))
        : Effect.succeed((result?.events ?? []).map(changed))
    ),
    Stream.filter((entries) => entries.length > 0),
    Stream.onError(() => forget)
  )
}

const encode = (text: string): string => Buffer.from(text).toString("base64")

const decode = (text: string | undefined): string => Buffer.from(text ?? "", "base64").toString()

/** All keys with a prefix, which ends with a slash: up to the one that ends with the character after it. */
const interval = (prefix: string) => ({ key: encode(prefix), range_end: encode(`${prefix.slice(0, -1)}0`) })

const KeyValue = Schema.Struct({ key: Schema.String, value: Schema.optionalKey(Schema.String) })

const entry = ({ key, value }: typeof KeyValue.Type): Entry => ({ key: decode(key), value: decode(value) })

const changed = ({ kv, type }: { readonly kv: typeof KeyValue.Type; readonly type?: string }): Entry =>
  type === "DELETE" ? { key: decode(kv.key), value: undefined } : entry(kv)

const decoder = <A>(schema: Schema.Decoder<A>) => Schema.decodeUnknownEffect(Schema.fromJsonString(schema))

const decodeToken = decoder(Schema.Struct({ token: Schema.String }))

const decodeLease = decoder(Schema.Struct({ ID: Schema.String }))

const decodeKeepAlive = decoder(Schema.Struct({ result: Schema.Struct({ TTL: Schema.optionalKey(Schema.String) }) }))

const decodeRange = decoder(Schema.Struct({
  header: Schema.Struct({ revision: Schema.String }),
  kvs: Schema.optionalKey(Schema.Array(KeyValue))
}))

const decodeWatch = decoder(Schema.Struct({
  error: Schema.optionalKey(Schema.Unknown),
  result: Schema.optionalKey(Schema.Struct({
    canceled: Schema.optionalKey(Schema.Boolean),
    compact_revision: Schema.optionalKey(Schema.String),
    events: Schema.optionalKey(Schema.Array(Schema.Struct({ kv: KeyValue, type: Schema.optionalKey(Schema.String) })))
  }))
}))

const read = <A>(
  { registry }: Api.Api,
  decode: (text: string) => Effect.Effect<A, unknown>,
  text: string
): Effect.Effect<A, RegistryError> =>
  Effect.mapError(decode(text), (cause) => Api.unavailable(registry, "an answer of it cannot be read", cause))
