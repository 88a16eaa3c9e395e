/**
 * Large messages on their way out: in parts, with whatever others have to say between them.
 *
 * Some go out when the socket takes bytes, and the next ones a turn of the event loop later, behind all who waited
 * meanwhile: so each large message has its turn, and nothing waits for more than what is under way.
 */
import type { Socket } from "node:net"
import * as Memory from "../memory.ts"
import { maxSplits, partSize, partsWindow } from "./frames.ts"
import type { Gate } from "./gate.ts"

export interface Parts {
  /**
   * Sends a frame in parts: first what `begin` writes, then the body. False where the last part has not gone yet; `sent` is
   * told when it has.
   */
  readonly send: (type: number, id: number, body: Uint8Array, begin: () => void, sent?: () => void) => boolean
  /** Whether a message of the call is on its way. */
  readonly has: (id: number) => boolean
  /** Forgets what has not gone of a call's message. Returns the type of a frame of which nothing has gone. */
  readonly drop: (id: number) => number | undefined
  /** The other side takes so many more bytes. */
  readonly grant: (bytes: number) => void
  /** Bytes that have not gone. */
  readonly waiting: () => number
}

/** A message on its way, or in line until others have gone. */
interface Message {
  readonly type: number
  readonly id: number
  readonly body: Uint8Array
  readonly begin: () => void
  sent: (() => void) | undefined
  admitted: boolean
  at: number
}

/** Parts of a message that go out in one turn: each turn costs the other side one, too. */
const together = 4

/** `write` sends one part; `taken` is told when the kernel has it. */
export const make = (
  socket: Socket,
  gate: Gate,
  write: (id: number, part: Uint8Array, taken: Memory.Sent | undefined) => void
): Parts => {
  // In the order they came. So many at once: the other side has to keep what it has of each.
  const messages = new Map<number, Message>()
  let admitted = 0
  let unsent = 0
  let credit = partsWindow
  let stalled: Array<Message> = []

  const admit = (message: Message) => {
    admitted++
    message.admitted = true
    gate.wait(() => step(message))
  }
  const step = (message: Message) => {
    const { body, id } = message
    if (messages.get(id) !== message || socket.destroyed) return
    if (credit <= 0) return void stalled.push(message)
    if (message.at === 0) message.begin()
    socket.cork()
    for (let count = 0; count < together && message.at < body.length && credit > 0; count++) {
      const { at } = message
      message.at = Math.min(body.length, at + partSize)
      unsent -= message.at - at
      credit -= message.at - at
      write(id, body.subarray(at, message.at), message.at < body.length ? undefined : Memory.sent(body))
    }
    socket.uncork()
    if (message.at < body.length) return void setImmediate(() => gate.wait(() => step(message)))
    remove(message)
    message.sent?.()
  }
  const remove = (message: Message) => {
    messages.delete(message.id)
    unsent -= message.body.length - message.at
    if (!message.admitted) return
    admitted--
    for (const next of messages.values()) {
      if (!next.admitted) return admit(next)
    }
  }
  return {
    send: (type, id, body, begin, sent) => {
      const message: Message = { type, id, body, begin, sent: undefined, admitted: false, at: 0 }
      messages.set(id, message)
      unsent += body.length
      if (admitted < maxSplits) admit(message)
      message.sent = sent
      return !messages.has(id)
    },
    has: (id) => messages.has(id),
    drop: (id) => {
      const message = messages.get(id)
      if (message === undefined) return undefined
      remove(message)
      return message.at === 0 ? message.type : undefined
    },
    grant: (bytes) => {
      credit += bytes
      const waiting = stalled
      stalled = []
      for (const message of waiting) gate.wait(() => step(message))
    },
    waiting: () => unsent
  }
}
