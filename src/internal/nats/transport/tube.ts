/**
 * A stream of bytes each way between two processes, as messages from inbox to inbox.
 *
 * ```
 * bytes   1, number u32, bytes …      what is written, numbered from 0
 * taken   2, bytes u32                so much was read on
 * end     3                           nothing follows
 * ```
 *
 * NATS carries messages in order or not at all, and holds up nobody who sends. So they are numbered, and one that is missing
 * ends the tube; and a side has a bounded number of bytes on their way that the other side has not read on. Each message says
 * where it came from: a server that knows nobody at the other end answers that, and the tube ends.
 */
import type { Msg, NatsConnection } from "@nats-io/transport-node"
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import * as Headers from "../headers.ts"

/** Where the two ends are. */
export interface Ends {
  readonly connection: NatsConnection
  /** Where this end hears. */
  readonly here: string
  readonly there: string
}

/** The kinds of messages. */
export const Kind = { bytes: 1, taken: 2, end: 3 } as const

/** What is said where nothing follows. */
export const end = Buffer.of(Kind.end)

/** Whether a message is the server's answer that nobody listens. */
export const isNobody = (message: Msg): boolean => Headers.of(message)?.code === 503

/** A socket to whom it concerns. */
export class Tube extends Duplex {
  readonly #ends: Ends
  readonly #piece: number
  #sent = 0
  #heard = 0
  /** Bytes that the other side has not read on. */
  #ahead = 0
  #resume: (() => void) | undefined
  /** Bytes that this side has read on and has not told of, or not read on. */
  #owed = 0
  #hasSaidEnd = false

  constructor(ends: Ends) {
    super()
    this.#ends = ends
    this.#piece = Math.min(largestPiece, ends.connection.info!.max_payload - bytesHead)
  }

  /** Takes what came from the other side. */
  hear(message: Msg): void {
    const { data } = message
    if (this.destroyed) return
    if (isNobody(message)) return void this.destroy(new Error("there is nobody any more at the other end"))
    if (data[0] === Kind.end && data.length === 1) this.push(null)
    else if (data[0] === Kind.bytes && data.length > bytesHead) this.#take(data)
    else if (data[0] === Kind.taken && data.length === takenSize) this.#passed(readU32(data))
    else this.destroy(new Error("what came is no message of a tube"))
  }

  /** Finds out whether there is somebody at the other end. */
  ask(): void {
    this.#told(0)
  }

  /** As a socket has it; those who keep tubes `ask`. */
  setKeepAlive(): this {
    return this
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    for (let at = 0; at < chunk.length; at += this.#piece) {
      const piece = chunk.subarray(at, at + this.#piece)
      // Who writes uses its memory again, and the client keeps a message until the turn is over.
      const message = Buffer.allocUnsafe(bytesHead + piece.length)
      message[0] = Kind.bytes
      message.writeUInt32BE(this.#sent++ >>> 0, 1)
      message.set(piece, bytesHead)
      this.#say(message)
    }
    this.#ahead += chunk.length
    if (this.#ahead < window) done()
    else this.#resume = done
  }

  override _read(): void {
    this.#settle()
  }

  override _final(done: () => void): void {
    this.#sayEnd()
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#sayEnd()
    done(error)
  }

  #take(data: Uint8Array): void {
    if (readU32(data) !== this.#heard >>> 0) return void this.destroy(new Error("messages were lost on the way"))
    this.#heard++
    this.#owed += data.length - bytesHead
    if (this.#owed > 2 * window) return void this.destroy(new Error("the other end sends more than was agreed on"))
    if (this.push(data.subarray(bytesHead))) this.#settle()
  }

  #passed(bytes: number): void {
    this.#ahead -= bytes
    if (this.#ahead >= window) return
    const resume = this.#resume
    this.#resume = undefined
    resume?.()
  }

  /** Not of each message: there is most of a window to go on with. */
  #settle(): void {
    const taken = this.#owed - this.readableLength
    if (taken < window / 4) return
    this.#owed -= taken
    this.#told(taken)
  }

  #told(bytes: number): void {
    const message = Buffer.alloc(takenSize, Kind.taken)
    message.writeUInt32BE(bytes, 1)
    this.#say(message)
  }

  #sayEnd(): void {
    if (this.#hasSaidEnd) return
    this.#hasSaidEnd = true
    this.#say(end)
  }

  #say(message: Uint8Array): void {
    const { connection, here, there } = this.#ends
    if (!connection.isClosed()) connection.publish(there, message, { reply: here })
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const bytesHead = 5
const takenSize = 5

/** Bytes on their way that were not read on, but for what one write goes beyond it. */
const window = 1024 * 1024

/** Bytes in one message, where the server takes as many. */
const largestPiece = 64 * 1024

const readU32 = (data: Uint8Array): number => (data[1]! << 24 | data[2]! << 16 | data[3]! << 8 | data[4]!) >>> 0
