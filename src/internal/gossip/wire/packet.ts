/**
 * Packets: messages put together, compressed, checked and hidden, and taken apart again.
 *
 * From the inside out: messages, compound, compression, checksum, encryption, label.
 */
import { Buffer } from "node:buffer"
import { crc32 } from "node:zlib"
import * as Bodies from "./bodies.ts"
import * as Keyring from "./keyring.ts"
import * as Lzw from "./lzw.ts"
import type { Message } from "./messages.ts"
import * as Msgpack from "./msgpack.ts"
import { attempt, fail, type Problem } from "./problem.ts"
import * as Steps from "./steps.ts"

/** How a cluster is set up; all of its members alike. */
export interface Cluster {
  /** Members of another label are not heard. Empty where there is none, 255 bytes at most. */
  readonly label: Uint8Array
  readonly keyring?: Keyring.Keyring | undefined
  /** Whether what is written is compressed where that makes it shorter. Everybody reads both. */
  readonly compresses: boolean
}

/** More messages than that are not written into one packet: older readers count them in seven bits. */
export const maxMessages = 127

/** So many bytes a packet has beside its messages, at most, with so many of them. */
export const overhead = (cluster: Cluster, messages: number): number =>
  labelSize(cluster) + (cluster.keyring === undefined ? 0 : Keyring.overhead) + 5 + 2 + 2 * messages

/** The packet of messages that are written already; at least one, and none of them empty. */
export const write = (cluster: Cluster, messages: ReadonlyArray<Uint8Array>, hasChecksum: boolean): Uint8Array => {
  let packet = messages.length === 1 ? messages[0]! : compound(messages)
  if (cluster.compresses) packet = shorter(packet)
  if (hasChecksum) packet = withChecksum(packet)
  if (cluster.keyring !== undefined) packet = Keyring.seal(cluster.keyring, packet, cluster.label)
  return cluster.label.length === 0 ? packet : Buffer.concat([labelHead(cluster), packet])
}

/** The messages of a packet, or why it is not of this cluster. Of a packet that was cut short, those that are whole. */
export const read = (cluster: Cluster, packet: Uint8Array): ReadonlyArray<Message> | Problem =>
  attempt(() => {
    let inner = unlabelled(cluster, packet)
    if (cluster.keyring !== undefined) inner = Keyring.open(cluster.keyring, inner, cluster.label)
    if (inner[0] === Bodies.Type.Checksum) inner = checked(inner)
    const messages: Array<Message> = []
    readInto(messages, inner, 0)
    return messages
  })

/** What stands before a packet or a stream that has a label. */
export const labelHead = ({ label }: Cluster): Uint8Array =>
  Buffer.concat([Uint8Array.of(Bodies.Type.Label, label.length), label])

/** What is behind the label, which must be that of the cluster. */
export const unlabelled = (cluster: Cluster, bytes: Uint8Array): Uint8Array => {
  const isLabelled = bytes[0] === Bodies.Type.Label
  const size = isLabelled ? bytes[1] ?? 0 : 0
  const label = isLabelled ? bytes.subarray(2, 2 + size) : bytes.subarray(0, 0)
  if (Buffer.compare(label, cluster.label) !== 0) {
    return fail("WrongLabel", `The label is ${quoted(label)} and not ${quoted(cluster.label)}`)
  }
  return isLabelled ? bytes.subarray(2 + size) : bytes
}

/** The bytes, compressed. */
export function* compressing(bytes: Uint8Array): Steps.Steps<Uint8Array> {
  const writer = Msgpack.makeWriter(bytes.length + 16)
  writer.byte(Bodies.Type.Compress)
  writer.write({ Algo: 0, Buf: yield* Lzw.compressing(bytes) })
  return writer.bytes()
}

/** What compressed bytes were; `reader` is behind their type. */
export function* decompressing(reader: Msgpack.Reader, most: number): Steps.Steps<Uint8Array> {
  const fields = Msgpack.fields(reader)
  const algorithm = Bodies.uint(fields, "Algo")
  if (algorithm !== 0) return fail("Garbled", `Compression ${algorithm} is not known`)
  return yield* Lzw.decompressing(Bodies.raw(fields, "Buf"), most)
}

// ---------------------------------------------------------------------------------------------------------------------

/** The longest that a packet may become: what a datagram can hold. */
const maxPacket = 65_535

/** Layers of compound and compression: one of each is written. */
const maxLayers = 4

const labelSize = ({ label }: Cluster): number => label.length === 0 ? 0 : 2 + label.length

/** As much of a label as a log can bear, since strangers write them too. */
const quoted = (label: Uint8Array): string => JSON.stringify(Buffer.from(label.subarray(0, 32)).toString("latin1"))

const compound = (messages: ReadonlyArray<Uint8Array>): Uint8Array => {
  const head = Buffer.alloc(2 + 2 * messages.length)
  head[0] = Bodies.Type.Compound
  head[1] = messages.length
  for (const [index, { length }] of messages.entries()) head.writeUInt16BE(length, 2 + 2 * index)
  return Buffer.concat([head, ...messages])
}

const shorter = (packet: Uint8Array): Uint8Array => {
  const other = Steps.run(compressing(packet))
  return other.length < packet.length ? other : packet
}

const withChecksum = (packet: Uint8Array): Uint8Array => {
  const head = Buffer.alloc(5)
  head[0] = Bodies.Type.Checksum
  head.writeUInt32BE(crc32(packet), 1)
  return Buffer.concat([head, packet])
}

const checked = (packet: Uint8Array): Uint8Array => {
  const reader = Msgpack.makeReader(packet)
  Msgpack.byte(reader)
  const expected = Buffer.from(Msgpack.take(reader, 4)).readUInt32BE()
  const inner = Msgpack.rest(reader)
  return crc32(inner) === expected ? inner : fail("BadChecksum", "A packet was damaged on its way")
}

const readInto = (messages: Array<Message>, packet: Uint8Array, layer: number): void => {
  if (layer > maxLayers) fail("Garbled", "A packet is wrapped too often")
  const reader = Msgpack.makeReader(packet)
  const type = Msgpack.byte(reader)
  if (type === Bodies.Type.Compress) readInto(messages, Steps.run(decompressing(reader, maxPacket)), layer + 1)
  else if (type === Bodies.Type.Compound) readCompound(messages, reader, layer)
  else messages.push(Bodies.read(type, reader))
}

const readCompound = (messages: Array<Message>, reader: Msgpack.Reader, layer: number): void => {
  const count = Msgpack.byte(reader)
  const lengths = Array.from({ length: count }, () => (Msgpack.byte(reader) << 8) + Msgpack.byte(reader))
  for (const length of lengths) {
    // Cut short: what came whole still counts.
    if (length > reader.bytes.length - reader.at) return
    readInto(messages, Msgpack.take(reader, length), layer + 1)
  }
}
