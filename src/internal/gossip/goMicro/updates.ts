/**
 * What members with Go Micro's own registry tell: a service that came or went, in Protocol Buffers, and to who joins all
 * that they know, in JSON.
 *
 * ```
 * 1 | expires  uint64   nanoseconds of 1970; none where it went
 * 2 | type     int32    1, a service
 * 3 | action   int32    1 it came, 2 it went
 * 6 | metadata map      Content-Type: application/json
 * 7 | data     bytes    the service
 * ```
 */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import type { Instance } from "../../../Registry.ts"
import * as GoMicro from "../../registry/goMicro.ts"
import { attempt, fail, isProblem, type Problem } from "../wire/problem.ts"

/** A service of one member that came or went. */
export interface Update {
  readonly _tag: "Came" | "Went"
  readonly service: string
  readonly instances: ReadonlyArray<Instance>
  /** Milliseconds of 1970 by the clock of its member, later with each time that it is said. 0 where it went. */
  readonly expires: number
}

/** What was told; nothing where it is somebody else's. */
export const read = (payload: Uint8Array): Update | Problem | undefined => {
  const update = attempt(() => fieldsOf(payload))
  if (isProblem(update) || update.type !== service || update.contentType !== "application/json") return undefined
  const tag = tags[update.action]
  if (tag === undefined) return undefined
  const told = decode(update.data.toString())
  if (Exit.isFailure(told) || update.expires > latest) return unreadable(payload)
  const instances = GoMicro.toInstances(told.value)
  return { _tag: tag, service: told.value.name, instances, expires: Math.floor(update.expires / 1e6) }
}

/** All that is told to who joins; nothing where it is somebody else's. */
export const readState = (state: Uint8Array): ReadonlyArray<Instance> | Problem | undefined => {
  if (state[0] !== brace) return undefined
  if (state.length > maxState) return unreadable(state)
  const told = decodeState(Buffer.from(state).toString())
  return Exit.isSuccess(told) ? Object.values(told.value).flat().flatMap(GoMicro.toInstances) : unreadable(state)
}

// ---------------------------------------------------------------------------------------------------------------------

const service = 1

const tags: ReadonlyArray<Update["_tag"] | undefined> = [undefined, "Came", "Went"]

const brace = 0x7B

/** Bytes that are read at once: some thousands of services. */
const maxState = 1024 * 1024

const unreadable = ({ length }: Uint8Array): Problem => ({
  _tag: "Problem",
  kind: "Garbled",
  message: `A member of Go Micro tells of services in ${length} bytes that cannot be read; ${maxState} are the most`
})

/** The year 2106, after which its seconds have more than 32 bits. */
const latest = 0xFFFF_FFFF * 1e9

const decode = Schema.decodeUnknownExit(Schema.fromJsonString(GoMicro.Service))

const decodeState = Schema.decodeUnknownExit(
  Schema.fromJsonString(Schema.Record(Schema.String, Schema.Array(GoMicro.Service)))
)

const fieldsOf = (payload: Uint8Array) => {
  const [numbers, parts] = [new Map<number, number>(), new Map<number, Buffer>()]
  let contentType: string | undefined
  for (const [field, value] of fields(payload)) {
    if (typeof value === "number") numbers.set(field, value)
    else parts.set(field, value)
    if (field !== 6 || typeof value === "number") continue
    const [key, said] = Array.from(fields(value), ([, text]) => String(text))
    if (key === "Content-Type") contentType = said
  }
  return {
    expires: numbers.get(1) ?? 0,
    type: numbers.get(2),
    action: numbers.get(3) ?? 0,
    contentType,
    data: parts.get(7) ?? nothing
  }
}

const nothing = Buffer.alloc(0)

/** The numbers and the bytes of a message of Protocol Buffers, in their order. */
function* fields(bytes: Uint8Array): Generator<readonly [field: number, value: number | Buffer]> {
  const reader = { bytes, at: 0 }
  while (reader.at < bytes.length) {
    const key = varint(reader)
    const [field, kind] = [Math.floor(key / 8), key % 8]
    if (kind === 0) yield [field, varint(reader)]
    else if (kind === 2) yield [field, chunk(reader, varint(reader))]
    else if (kind === 1 || kind === 5) chunk(reader, kind === 1 ? 8 : 4)
    else fail("Garbled", `A field of the unknown kind ${kind}`)
  }
}

interface Reader {
  readonly bytes: Uint8Array
  at: number
}

/** The largest lose what a number has no bits for, nanoseconds of a moment among them. */
const varint = (reader: Reader): number => {
  let value = 0
  for (let scale = 1; scale < 2 ** 70; scale *= 128) {
    const byte = reader.bytes[reader.at++] ?? fail("Incomplete", "A number that ends early")
    value += (byte & 0x7F) * scale
    if (byte < 0x80) return value
  }
  return fail("Garbled", "A number of more than 64 bits")
}

const chunk = (reader: Reader, length: number): Buffer => {
  const { bytes, at } = reader
  if (at + length > bytes.length) return fail("Incomplete", "Bytes that end early")
  reader.at += length
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, length)
}
