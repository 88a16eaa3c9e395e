/**
 * A message as memberlist writes it: a type byte, and a map of its fields.
 */
import { Buffer } from "node:buffer"
import * as Utf8 from "../../codec/utf8.ts"
import type { Ack, Endpoint, Message, NodeState, Ping, PushPull, Range, Source, State, Versions } from "./messages.ts"
import * as Msgpack from "./msgpack.ts"
import { fail } from "./problem.ts"
import * as Steps from "./steps.ts"

/** The first byte of a message, and of what messages are wrapped into. */
export const Type = {
  Ping: 0,
  IndirectPing: 1,
  Ack: 2,
  Suspect: 3,
  Alive: 4,
  Dead: 5,
  PushPull: 6,
  Compound: 7,
  User: 8,
  Compress: 9,
  Encrypt: 10,
  Nack: 11,
  Checksum: 12,
  Error: 13,
  Label: 244
} as const

/** The longest meta of a member, in bytes. */
export const maxMeta = 512

/** The message with its type byte, as it stands in a packet. */
export const write = (message: Message): Uint8Array => {
  const writer = Msgpack.makeWriter()
  writer.byte(Type[message._tag])
  if (message._tag === "User") writer.raw(message.payload)
  else writer.write(fieldsOf(message))
  return writer.bytes()
}

/** The message behind a type byte, as it stands in a packet. */
export const read = (type: number, reader: Msgpack.Reader): Message => {
  switch (type) {
    case Type.Ping:
      return readPing(reader)
    case Type.IndirectPing:
      return readIndirectPing(reader)
    case Type.Ack:
      return readAck(reader)
    case Type.Nack:
      return { _tag: "Nack", sequence: uint(Msgpack.fields(reader), "SeqNo") }
    case Type.Alive: {
      const fields = Msgpack.fields(reader)
      return { _tag: "Alive", ...readMember(fields, "Node") }
    }
    case Type.Suspect:
      return { _tag: "Suspect", ...readAccusation(reader) }
    case Type.Dead:
      return { _tag: "Dead", ...readAccusation(reader) }
    case Type.User:
      return { _tag: "User", payload: Msgpack.rest(reader) }
    default:
      return fail("Garbled", `A packet with the unknown type ${type}`)
  }
}

export const readPing = (reader: Msgpack.Reader): Ping => {
  const fields = Msgpack.fields(reader)
  return { _tag: "Ping", sequence: uint(fields, "SeqNo"), node: text(fields, "Node"), source: readSource(fields) }
}

export const readAck = (reader: Msgpack.Reader): Ack => {
  const fields = Msgpack.fields(reader)
  const payload = fields.get("Payload") === undefined ? undefined : raw(fields, "Payload")
  return { _tag: "Ack", sequence: uint(fields, "SeqNo"), payload }
}

/** Writes what one member knows, as it stands in a stream. */
export function* writePushPull(writer: Msgpack.Writer, { isJoin, nodes, userState }: PushPull): Steps.Steps<void> {
  writer.byte(Type.PushPull)
  writer.write({ Join: isJoin, Nodes: nodes.length, UserStateLen: userState.length })
  for (const [index, { address, incarnation, meta, node, port, state, versions }] of nodes.entries()) {
    if (index > 0 && index % Steps.members === 0) yield
    writer.write({
      Addr: address,
      Incarnation: incarnation,
      Meta: meta.length === 0 ? undefined : meta,
      Name: node,
      Port: port,
      State: states.indexOf(state),
      Vsn: vector(versions)
    })
  }
  writer.raw(userState)
}

/** A member within a push/pull. */
export const readNode = (reader: Msgpack.Reader): NodeState => {
  const fields = Msgpack.fields(reader)
  const state = states[uint(fields, "State")]
  if (state === undefined) return fail("Garbled", `A member in the unknown state ${uint(fields, "State")}`)
  return { ...readMember(fields, "Name"), state }
}

// Of what a map lacks Go makes zero and nothing, and so must we.

/** A whole number of 32 bits without sign. */
export const uint = (fields: Msgpack.Fields, name: string): number => {
  const value = fields.get(name)
  if (value === undefined) return 0
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 0xFFFF_FFFF
    ? value
    : fail("Garbled", `${name} is no whole number of 32 bits`)
}

export const raw = (fields: Msgpack.Fields, name: string): Uint8Array => {
  const value = fields.get(name)
  if (value === undefined) return nothing
  if (value instanceof Uint8Array) return value
  return Array.isArray(value) && value.every(isByte) ? Uint8Array.from(value) : fail("Garbled", `${name} is no bytes`)
}

export const text = (fields: Msgpack.Fields, name: string): string => {
  try {
    return Utf8.read(raw(fields, name))
  } catch {
    return fail("Garbled", `${name} is not UTF-8`)
  }
}

export const flag = (fields: Msgpack.Fields, name: string): boolean => fields.get(name) === true

// ---------------------------------------------------------------------------------------------------------------------

const states: ReadonlyArray<State> = ["alive", "suspect", "dead", "left"]

const nothing = Buffer.alloc(0)

const isByte = (value: Msgpack.Value): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= 255

type Written = Exclude<Message, { readonly _tag: "User" }>

const fieldsOf = (message: Written): Msgpack.Writable => {
  switch (message._tag) {
    case "Ping":
      return { Node: message.node, SeqNo: message.sequence, ...source(message.source) }
    case "IndirectPing":
      return {
        Nack: message.wantsNack,
        Node: message.node,
        Port: message.target.port,
        SeqNo: message.sequence,
        ...source(message.source),
        Target: message.target.address
      }
    case "Ack":
      return { Payload: message.payload, SeqNo: message.sequence }
    case "Nack":
      return { SeqNo: message.sequence }
    case "Alive":
      return {
        Addr: message.address,
        Incarnation: message.incarnation,
        Meta: message.meta.length === 0 ? undefined : message.meta,
        Node: message.node,
        Port: message.port,
        Vsn: vector(message.versions)
      }
    case "Suspect":
    case "Dead":
      return { From: message.from, Incarnation: message.incarnation, Node: message.node }
  }
}

const source = (source: Source | undefined) =>
  source === undefined
    ? undefined
    : { SourceAddr: source.address, SourceNode: source.node, SourcePort: source.port }

const readSource = (fields: Msgpack.Fields): Source | undefined => {
  const address = raw(fields, "SourceAddr")
  return address.length === 0
    ? undefined
    : { ...endpoint(address, uint(fields, "SourcePort")), node: text(fields, "SourceNode") }
}

const readIndirectPing = (reader: Msgpack.Reader): Message => {
  const fields = Msgpack.fields(reader)
  return {
    _tag: "IndirectPing",
    sequence: uint(fields, "SeqNo"),
    node: text(fields, "Node"),
    target: endpoint(raw(fields, "Target"), uint(fields, "Port")),
    wantsNack: flag(fields, "Nack"),
    source: readSource(fields)
  }
}

const readAccusation = (reader: Msgpack.Reader) => {
  const fields = Msgpack.fields(reader)
  return { incarnation: uint(fields, "Incarnation"), node: name(fields, "Node"), from: text(fields, "From") }
}

const readMember = (fields: Msgpack.Fields, key: "Name" | "Node"): Omit<NodeState, "state"> => {
  const meta = raw(fields, "Meta")
  if (meta.length > maxMeta) return fail("TooLarge", `The meta of a member has ${meta.length} bytes`)
  return {
    node: name(fields, key),
    incarnation: uint(fields, "Incarnation"),
    meta,
    versions: versions(raw(fields, "Vsn")),
    ...endpoint(raw(fields, "Addr"), uint(fields, "Port"))
  }
}

const name = (fields: Msgpack.Fields, key: string): string => {
  const name = text(fields, key)
  return name === "" ? fail("Garbled", "A member without a name") : name
}

const endpoint = (address: Uint8Array, port: number): Endpoint => {
  if (address.length !== 4 && address.length !== 16) return fail("Garbled", `An address of ${address.length} bytes`)
  return port > 0xFFFF ? fail("Garbled", `The port ${port}`) : { address, port }
}

// Six bytes, always: fewer crash memberlist up to 0.6.
const vector = ({ delegate, protocol }: Versions): Uint8Array =>
  Uint8Array.of(protocol.min, protocol.max, protocol.current, delegate.min, delegate.max, delegate.current)

const versions = (vector: Uint8Array): Versions => ({ protocol: range(vector, 0), delegate: range(vector, 3) })

const range = (vector: Uint8Array, from: number): Range => ({
  min: vector[from] ?? 0,
  max: vector[from + 1] ?? 0,
  current: vector[from + 2] ?? 0
})
