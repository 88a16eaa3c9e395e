/**
 * The calls under way on a connection, by number.
 *
 * A number is free again when the server has ended its call, and not before, so that it never means two calls.
 */
import type { Reply, TransportError } from "../../Transport.ts"
import type { Mailbox } from "./mailbox.ts"

/** Replies of a stream that wait to be pulled. */
export type Inbox = Mailbox<Reply, TransportError>

/** A call under way. */
export interface Slot {
  /** The server has ended the call, with a last reply or without one. */
  readonly end: (reply: Reply | undefined) => void
  /** The connection has ended before the call did. */
  readonly lost: (error: TransportError) => void
  readonly inbox?: Inbox
  /** The server takes so many more bytes of messages. */
  readonly credit?: ((bytes: number) => void) | undefined
}

export interface Slots {
  /** A number for a call, unless all are taken. */
  readonly take: (slot: Slot) => number | undefined
  readonly get: (id: number) => Slot | undefined
  /** Frees the number of a call that the server has ended. */
  readonly release: (id: number) => Slot | undefined
  /** Forgets who called; the number stays taken. False where that is done already. */
  readonly abandon: (id: number, slot: Slot) => boolean
  /** Frees all numbers, and tells each call that it is lost. */
  readonly lose: (error: TransportError) => void
  /** How many calls are under way. */
  readonly pending: () => number
  /** How many calls there have been. */
  readonly total: () => number
}

/** At most so many numbers. */
export const make = (most: () => number): Slots => {
  const slots: Array<Slot | undefined> = []
  const free: Array<number> = []
  let total = 0

  const release = (id: number): Slot | undefined => {
    const slot = slots[id]
    if (slot === undefined) return undefined
    slots[id] = undefined
    free.push(id)
    return slot
  }
  return {
    take: (slot) => {
      const id = free.pop() ?? (slots.length < most() ? slots.length : undefined)
      if (id !== undefined) slots[id] = slot
      total++
      return id
    },
    get: (id) => slots[id],
    release,
    abandon: (id, slot) => {
      if (slots[id] !== slot) return false
      slots[id] = abandoned
      return true
    },
    lose: (error) => {
      for (let id = 0; id < slots.length; id++) release(id)?.lost(error)
    },
    pending: () => slots.length - free.length,
    total: () => total
  }
}

/** A call whose caller has gone, and which the server has not ended. */
const abandoned: Slot = { end: () => undefined, lost: () => undefined }
