/**
 * Streams: what two members tell each other over a connection, one message each way.
 *
 * A message has no length of its own, but where it is encrypted. So a reader is fed what arrives, and says when it has
 * enough; what was understood before is not read again.
 */
import { Buffer } from "node:buffer"
import * as Bodies from "./bodies.ts"
import * as Keyring from "./keyring.ts"
import type { NodeState, StreamMessage } from "./messages.ts"
import * as Msgpack from "./msgpack.ts"
import * as Packet from "./packet.ts"
import { fail, isProblem, type Problem } from "./problem.ts"
import * as Steps from "./steps.ts"

/** The bounds of what is read, that of memberlist itself unless told. */
export interface Limits {
  /** Members in one push/pull. */
  readonly maxNodes: number
  /** Bytes of an encrypted message, of a compressed one, and of user state. */
  readonly maxBytes: number
}

export const limits: Limits = { maxNodes: 1_048_576, maxBytes: 20 * 1024 * 1024 }

/** A message as it goes out. Only who dials writes the label. */
export function* writing(cluster: Packet.Cluster, message: StreamMessage, dials: boolean): Steps.Steps<Uint8Array> {
  const writer = Msgpack.makeWriter(1024)
  switch (message._tag) {
    case "PushPull":
      yield* Bodies.writePushPull(writer, message)
      break
    case "User":
      writer.byte(Bodies.Type.User)
      writer.write({ UserMsgLen: message.payload.length })
      writer.raw(message.payload)
      break
    case "Refusal":
      writer.byte(Bodies.Type.Error)
      writer.write({ Error: message.message })
      break
    default:
      writer.raw(Bodies.write(message))
  }
  let bytes: Uint8Array = writer.bytes()
  if (cluster.compresses) bytes = yield* Packet.compressing(bytes)
  if (cluster.keyring !== undefined) bytes = sealed(cluster.keyring, bytes, cluster.label)
  return dials && cluster.label.length > 0 ? Buffer.concat([Packet.labelHead(cluster), bytes]) : bytes
}

/** Takes in what arrived. Undefined while there must come more; the next chunk is for when all steps are done. */
export type Reader = (chunk: Uint8Array) => Steps.Steps<StreamMessage | Problem | undefined>

/** Reads one message. `accepts` where the other side dialled, and so writes the label. */
export const makeReader = (cluster: Packet.Cluster, accepts: boolean, bounds: Limits = limits): Reader => {
  let buffer = Buffer.alloc(0)
  let length = 0
  let isLabelled = accepts
  const plain = makePlain(bounds)
  const most = bounds.maxBytes + 1024
  function* read(chunk: Uint8Array): Steps.Steps<StreamMessage | undefined> {
    length += chunk.length
    if (length > most) fail("TooLarge", `A stream has more than ${most} bytes`)
    buffer = append(buffer, length - chunk.length, chunk)
    let bytes: Uint8Array = buffer.subarray(0, length)
    if (isLabelled) {
      if (bytes[0] === Bodies.Type.Label && (bytes.length < 2 || bytes.length < 2 + bytes[1]!)) return undefined
      if (bytes.length === 0) return undefined
      bytes = Packet.unlabelled(cluster, bytes)
      buffer = Buffer.from(bytes)
      length = bytes.length
      isLabelled = false
    }
    return bytes.length === 0 ? undefined : yield* readMessage(cluster, plain, bytes, bounds)
  }
  return (chunk) => Steps.attempting(read(chunk))
}

// ---------------------------------------------------------------------------------------------------------------------

const frameSize = 5

const sealed = (keyring: Keyring.Keyring, plain: Uint8Array, label: Uint8Array): Uint8Array => {
  const head = Buffer.alloc(frameSize)
  head[0] = Bodies.Type.Encrypt
  head.writeUInt32BE(plain.length + Keyring.overhead, 1)
  return Buffer.concat([head, Keyring.seal(keyring, plain, Buffer.concat([head, label]))])
}

/** The buffer with a chunk behind its first bytes; it doubles as it grows. */
const append = (buffer: Buffer, length: number, chunk: Uint8Array): Buffer<ArrayBuffer> => {
  const end = length + chunk.length
  const room = end <= buffer.length ? buffer : Buffer.concat([buffer.subarray(0, length)], Math.max(end, length * 2))
  room.set(chunk, length)
  return room as Buffer<ArrayBuffer>
}

function* readMessage(
  cluster: Packet.Cluster,
  plain: Plain,
  bytes: Uint8Array,
  bounds: Limits
): Steps.Steps<StreamMessage | undefined> {
  const { keyring } = cluster
  const isSealed = bytes[0] === Bodies.Type.Encrypt
  if (keyring === undefined) {
    return isSealed ? fail("WrongKey", "The stream is encrypted, and there is no key") : yield* plain(bytes)
  }
  if (!isSealed) return fail("NotEncrypted", "No key was used")
  if (bytes.length < frameSize) return undefined
  const size = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).readUInt32BE(1)
  if (size > bounds.maxBytes) return fail("TooLarge", `An encrypted stream of ${size} bytes`)
  if (bytes.length < frameSize + size) return undefined
  const seen = Buffer.concat([bytes.subarray(0, frameSize), cluster.label])
  const inner = yield* plain(Keyring.open(keyring, bytes.subarray(frameSize, frameSize + size), seen))
  return inner ?? fail("Garbled", "An encrypted stream ends before its message does")
}

/** Reads the bytes that there are so far, each time more of the same. */
type Plain = (bytes: Uint8Array) => Steps.Steps<StreamMessage | undefined>

const makePlain = (bounds: Limits): Plain => {
  const pushPull = makePushPull(bounds)
  function* read(bytes: Uint8Array, isInner: boolean): Steps.Steps<StreamMessage | undefined> {
    const reader = Msgpack.makeReader(bytes)
    const type = Msgpack.byte(reader)
    switch (type) {
      case Bodies.Type.PushPull:
        return yield* pushPull(reader)
      case Bodies.Type.Compress: {
        if (isInner) return fail("Garbled", "A stream is compressed twice")
        const inner = yield* read(yield* Packet.decompressing(reader, bounds.maxBytes), true)
        return inner ?? fail("Garbled", "A compressed stream ends before its message does")
      }
      case Bodies.Type.Ping:
        return Bodies.readPing(reader)
      case Bodies.Type.Ack:
        return Bodies.readAck(reader)
      case Bodies.Type.User: {
        const size = Bodies.uint(Msgpack.fields(reader), "UserMsgLen")
        if (size > bounds.maxBytes) return fail("TooLarge", `A user message of ${size} bytes`)
        return { _tag: "User", payload: Msgpack.take(reader, size) }
      }
      case Bodies.Type.Error:
        return { _tag: "Refusal", message: Bodies.text(Msgpack.fields(reader), "Error") }
      default:
        return fail("Garbled", `A stream with the unknown type ${type}`)
    }
  }
  return (bytes) => unlessIncomplete(read(bytes, false))
}

/** Undefined where more bytes are needed. */
function* unlessIncomplete<A>(read: Steps.Steps<A>): Steps.Steps<A | undefined> {
  const result = yield* Steps.attempting(read)
  if (!isProblem(result)) return result
  return result.kind === "Incomplete" ? undefined : fail(result.kind, result.message)
}

/** Reads a push/pull whose bytes come by and by. `reader` begins behind its type each time. */
const makePushPull = ({ maxBytes, maxNodes }: Limits) => {
  const nodes: Array<NodeState> = []
  let head: { readonly count: number; readonly size: number; readonly isJoin: boolean } | undefined
  let at = 0
  return function*(reader: Msgpack.Reader): Steps.Steps<StreamMessage> {
    if (head === undefined) {
      const fields = Msgpack.fields(reader)
      head = {
        count: Bodies.uint(fields, "Nodes"),
        size: Bodies.uint(fields, "UserStateLen"),
        isJoin: Bodies.flag(fields, "Join")
      }
      if (head.count > maxNodes) fail("TooLarge", `A push/pull of ${head.count} members`)
      if (head.size > maxBytes) fail("TooLarge", `A push/pull with ${head.size} bytes of user state`)
      at = reader.at
    }
    reader.at = at
    while (nodes.length < head.count) {
      // A copy: what was read of a growing buffer would keep every one of its sizes alive.
      nodes.push(detached(Bodies.readNode(reader)))
      at = reader.at
      if (nodes.length % Steps.members === 0) yield
    }
    return { _tag: "PushPull", isJoin: head.isJoin, nodes, userState: Msgpack.take(reader, head.size) }
  }
}

const detached = (node: NodeState): NodeState => ({
  ...node,
  address: Uint8Array.from(node.address),
  meta: Uint8Array.from(node.meta)
})
