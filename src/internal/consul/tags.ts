/**
 * What an instance says about itself, as Go Micro writes it into tags of Consul.
 *
 * `t-` is an entry of the metadata and `e-` an endpoint, in JSON, `v-` the version; each zlib in lower-case hex. An older
 * form has `=` for the dash and the text as it is.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as zlib from "node:zlib"
import { Endpoint, type Instance } from "../../Registry.ts"

/** What tags say of an instance. */
export interface Said {
  readonly version: string
  /** Nothing where no tag is about metadata. */
  readonly metadata: Readonly<Record<string, string>> | undefined
  readonly endpoints: ReadonlyArray<Endpoint>
  /** Whether any of the tags is one of Go Micro's. */
  readonly isMicro: boolean
}

/** The tags of an instance, in Go Micro's order. */
export const encode = (
  { endpoints, metadata, version }: Pick<Instance, "endpoints" | "metadata" | "version">
): ReadonlyArray<string> => [
  ...Object.entries(metadata).map(([key, value]) => `t-${pack(JSON.stringify({ [key]: value }))}`),
  ...endpoints.map(({ metadata, name }) =>
    `e-${pack(JSON.stringify({ name, request: null, response: null, metadata }))}`
  ),
  `v-${pack(version)}`
]

/** Reads the tags of an instance; what is not Go Micro's says nothing. */
export const decode = (tags: ReadonlyArray<string>): Said => {
  const entries = texts(tags, "t").flatMap((text) => read(decodeMetadata, text))
  const endpoints = texts(tags, "e").flatMap((text) => read(decodeEndpoint, text))
  const [version] = texts(tags, "v")
  return {
    version: version ?? "",
    metadata: entries.length === 0 ? undefined : Object.assign({}, ...entries) as Record<string, string>,
    endpoints: endpoints.map(({ metadata, name }) => new Endpoint({ name, metadata: metadata ?? {} })),
    isMicro: version !== undefined || entries.length + endpoints.length > 0
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Bytes of what one tag says, and tags that are read of one instance. */
const longest = 64 * 1024
const most = 1024

const pack = (text: string): string => zlib.deflateSync(text).toString("hex")

/** What the tags of a kind say, in the form of the first of them. */
const texts = (tags: ReadonlyArray<string>, kind: "t" | "e" | "v"): ReadonlyArray<string> => {
  const own = tags.filter((tag) => tag.startsWith(`${kind}-`) || tag.startsWith(`${kind}=`)).slice(0, most)
  const form = own[0]?.[1]
  return own.filter((tag) => tag[1] === form).flatMap((tag) => {
    const text = form === "=" ? tag.slice(2) : unpack(tag.slice(2))
    return text === undefined ? [] : [text]
  })
}

/** Most tags of a fleet are the same: to inflate thousands again for each list would stop the process. */
const unpacked = new Map<string, string>()
const mostUnpacked = 4096

const unpack = (hex: string): string | undefined => {
  const known = unpacked.get(hex)
  if (known !== undefined) return known
  const text = Option.getOrUndefined(
    Result.getSuccess(
      Result.try(() => zlib.inflateSync(Buffer.from(hex, "hex"), { maxOutputLength: longest }).toString())
    )
  )
  if (text === undefined || hex.length > 1024) return text
  if (unpacked.size >= mostUnpacked) unpacked.clear()
  unpacked.set(hex, text)
  return text
}

const Metadata = Schema.Record(Schema.String, Schema.String)

const decodeMetadata = Schema.decodeUnknownOption(Schema.fromJsonString(Metadata))

const decodeEndpoint = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({
  name: Schema.String,
  metadata: Schema.optionalKey(Schema.NullOr(Metadata))
})))

const read = <A>(decode: (text: string) => Option.Option<A>, text: string): ReadonlyArray<A> =>
  Option.toArray(decode(text))
