/**
 * Records as they are carried: what is new, and what two members compare.
 *
 * ```
 * 239 | 1 | record…                          news
 * 239 | 2 | map of sums | record…            a question: what its member knows
 * 239 | 3 | map of sums | record…            the answer: where both differ, and all that is known there
 * ```
 *
 * A record is a map of `Node`, `Service`, `Seq`, `Life` and `Data`, its instances in JSON. No other program that is known
 * to gossip begins its messages with that byte.
 */
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { Instance } from "../../../Registry.ts"
import * as Bodies from "../wire/bodies.ts"
import * as Msgpack from "../wire/msgpack.ts"
import { attempt, fail, type Problem } from "../wire/problem.ts"
import { maxRecord, type Record } from "./records.ts"

/** What is known of each member that has services, as a number. */
export type Sums = ReadonlyMap<string, number>

export type Told =
  | { readonly _tag: "News"; readonly records: ReadonlyArray<Record> }
  | { readonly _tag: "Question" | "Answer"; readonly sums: Sums; readonly records: ReadonlyArray<Record> }

const mark = 239

/** Whether something carried is of this package. */
export const isOurs = (payload: Uint8Array): boolean => payload[0] === mark

/** A record that is carried from now on. */
export const record = (facts: Omit<Record, "bytes">): Record => {
  const { instances, life, node, sequence, service } = facts
  const writer = Msgpack.makeWriter(512)
  const data = instances.length === 0 ? undefined : JSON.stringify(instances.map((instance) => toJson(instance)))
  writer.write({ Data: data, Life: life, Node: node, Seq: sequence, Service: service })
  return { ...facts, bytes: writer.bytes() }
}

export const write = (told: Told): Uint8Array => {
  const writer = Msgpack.makeWriter(1024)
  writer.byte(mark)
  writer.byte(kinds.indexOf(told._tag))
  if (told._tag !== "News") {
    writer.write({ Nodes: told.sums.size })
    for (const [node, sum] of told.sums) writer.write({ Node: node, Sum: sum })
  }
  for (const { bytes } of told.records) writer.raw(bytes)
  return writer.bytes()
}

/** What was told; nothing where it is somebody else's. */
export const read = (payload: Uint8Array): Told | Problem | undefined =>
  !isOurs(payload) ? undefined : attempt(() => {
    const reader = Msgpack.makeReader(payload)
    reader.at = 1
    const kind = kinds[Msgpack.byte(reader)]
    if (kind === undefined) return fail("Garbled", "News of a kind that is not known")
    const sums = kind === "News" ? new Map<string, number>() : readSums(reader)
    const records: Array<Record> = []
    while (reader.at < payload.length) records.push(readRecord(reader))
    return kind === "News" ? { _tag: kind, records } : { _tag: kind, sums, records }
  })

// ---------------------------------------------------------------------------------------------------------------------

const kinds = [undefined, "News", "Question", "Answer"] as const

const Instances = Schema.Array(Instance)

const toJson = Schema.encodeSync(Instance)

const fromJson = Schema.decodeUnknownExit(Schema.fromJsonString(Instances))

const readSums = (reader: Msgpack.Reader): Sums => {
  const sums = new Map<string, number>()
  const count = Bodies.uint(Msgpack.fields(reader), "Nodes")
  for (let index = 0; index < count; index++) {
    const fields = Msgpack.fields(reader)
    sums.set(Bodies.text(fields, "Node"), Bodies.uint(fields, "Sum"))
  }
  return sums
}

const readRecord = (reader: Msgpack.Reader): Record => {
  const start = reader.at
  const fields = Msgpack.fields(reader)
  // A copy: a view would keep the whole packet alive.
  const bytes = Uint8Array.from(reader.bytes.subarray(start, reader.at))
  if (bytes.length > maxRecord) return fail("TooLarge", `A record of ${bytes.length} bytes`)
  const data = Bodies.text(fields, "Data")
  const instances = data === "" ? Exit.succeed([]) : fromJson(data)
  const service = Bodies.text(fields, "Service")
  if (Exit.isFailure(instances) || instances.value.some((instance) => instance.service !== service)) {
    return fail("Garbled", `A record of ${service} whose instances cannot be read`)
  }
  return {
    node: Bodies.text(fields, "Node"),
    service,
    sequence: Bodies.uint(fields, "Seq"),
    life: Bodies.uint(fields, "Life"),
    instances: instances.value,
    bytes
  }
}
