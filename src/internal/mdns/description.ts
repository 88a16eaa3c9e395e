/**
 * What an instance says about itself, as Go Micro writes it into a TXT record: JSON, zlib, lower-case hex, cut into
 * strings of 255.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as zlib from "node:zlib"

/** What an instance says about itself. */
export interface Description {
  readonly service: string
  readonly version: string
  readonly metadata: Readonly<Record<string, string>>
  readonly endpoints: ReadonlyArray<{ readonly name: string; readonly metadata: Readonly<Record<string, string>> }>
}

/** Bytes of JSON. A packet of 64 KiB could inflate to 32 MiB: a description has no business being that long. */
export const limit = 256 * 1024

/** The strings of a TXT record. */
export const encode = (description: Description): ReadonlyArray<Buffer> => {
  const hex = zlib.deflateSync(JSON.stringify(goFields(description))).toString("hex")
  return Array.from({ length: Math.ceil(hex.length / 255) }, (_, n) => Buffer.from(hex.slice(n * 255, (n + 1) * 255)))
}

/** Reads the strings of a TXT record, put together. Nothing where they are not a description. */
export const decode = (hex: string): Option.Option<Description> =>
  Option.flatMap(Result.getSuccess(Result.try(() => parse(hex))), (fields) => Option.map(decodeFields(fields), fromGo))

// ---------------------------------------------------------------------------------------------------------------------

/** Order and capitals are those of Go Micro 1; `null` stands for the schemas that it writes beside an endpoint. */
const goFields = ({ endpoints, metadata, service, version }: Description) => ({
  Service: service,
  Version: version,
  Endpoints: endpoints.map((endpoint) => ({
    name: endpoint.name,
    request: null,
    response: null,
    metadata: endpoint.metadata
  })),
  Metadata: metadata
})

const parse = (hex: string): unknown =>
  JSON.parse(
    zlib.inflateSync(Buffer.from(hex, "hex"), { maxOutputLength: limit }).toString("utf8"),
    // Go reads keys in any case, and writes some with a capital; the keys of metadata are the user's own.
    (key, value: unknown) => isRecord(value) && key.toLowerCase() !== "metadata" ? lowerCase(value) : value
  )

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const lowerCase = (record: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key.toLowerCase(), value]))

const Metadata = Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String)))

const Fields = Schema.Struct({
  service: Schema.String,
  version: Schema.optionalKey(Schema.NullOr(Schema.String)),
  metadata: Metadata,
  endpoints: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({
    name: Schema.String,
    metadata: Metadata
  }))))
})

const decodeFields = Schema.decodeUnknownOption(Fields)

const fromGo = ({ endpoints, metadata, service, version }: typeof Fields.Type): Description => ({
  service,
  version: version ?? "",
  metadata: metadata ?? {},
  endpoints: (endpoints ?? []).map((endpoint) => ({ name: endpoint.name, metadata: endpoint.metadata ?? {} }))
})
