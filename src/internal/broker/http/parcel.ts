/**
 * The part of a publishing that is for one party: a subscriber without a group, or a group, of which one member is to
 * accept each event.
 */
import type { Message } from "../../../Message.ts"
import type { Handed } from "./frames.ts"

/** An event on its way to a party. */
export interface Item extends Handed {
  readonly parcel: Parcel
  /** Its place in what was published. */
  readonly place: number
  handed: number
  /** Of the member that it was given to, where it was chosen. */
  lease: Lease | undefined
}

/** A member of a group, lent for some events. */
export interface Lease {
  /** One of the events is settled. */
  readonly settled: () => void
  /** The member could not be reached. */
  readonly failed: (problem: unknown) => void
}

/** Who did not accept which events, and why. */
export interface Refusal {
  readonly subscriber: string
  readonly problem: string
  readonly events: ReadonlyArray<number>
}

export interface Parcel {
  /** The subscriber's id or the group's name. */
  readonly party: string
  readonly items: ReadonlyArray<Item>
  /** Whether nobody waits for it any more: all is settled, or it was withdrawn. */
  readonly isOver: () => boolean
  readonly accept: (item: Item) => void
  /** The whole party has left: it has neither accepted nor refused. */
  readonly forget: (item: Item) => void
  readonly refuse: (item: Item, subscriber: string, problem: string) => void
  /** Why it takes so long, for who gives up. */
  readonly note: (subscriber: string, problem: string) => void
  /** Refuses all that is open. */
  readonly withdraw: (problem: string) => void
  readonly isAccepted: () => boolean
  readonly refusals: () => ReadonlyArray<Refusal>
}

/** A parcel; `settled` is called once, when each of its events is. */
export const make = (party: string, messages: ReadonlyArray<Message>, settled: () => void): Parcel => {
  const items: Array<Item> = []
  const isSettled = new Uint8Array(messages.length)
  const refusals: Array<{ readonly subscriber: string; readonly problem: string; readonly events: Array<number> }> = []
  let open = messages.length
  let accepted = 0
  let last: { readonly subscriber: string; readonly problem: string } | undefined

  const settle = (place: number) => {
    if (isSettled[place] === 1) return
    isSettled[place] = 1
    items[place].lease?.settled()
    // Whoever waits for the last one looks at the outcome within this call.
    if (--open === 0) settled()
  }
  const refuse = (place: number, subscriber: string, problem: string) => {
    if (isSettled[place] === 1) return
    const same = refusals.find((refusal) => refusal.subscriber === subscriber && refusal.problem === problem)
    if (same === undefined) refusals.push({ subscriber, problem, events: [place] })
    else same.events.push(place)
    settle(place)
  }
  const parcel: Parcel = {
    party,
    items,
    isOver: () => open === 0,
    accept: ({ place }) => {
      accepted += 1 - isSettled[place]
      settle(place)
    },
    forget: ({ place }) => settle(place),
    refuse: ({ place }, subscriber, problem) => refuse(place, subscriber, problem),
    note: (subscriber, problem) => {
      last = { subscriber, problem }
    },
    withdraw: (problem) => {
      const { subscriber = party, problem: detail } = last ?? {}
      const why = detail === undefined ? problem : `${problem}: ${detail}`
      for (let place = 0; place < messages.length; place++) refuse(place, subscriber, why)
    },
    isAccepted: () => accepted === messages.length,
    refusals: () => refusals
  }
  for (let place = 0; place < messages.length; place++) {
    items.push({ parcel, message: messages[place], handed: 0, place, lease: undefined })
  }
  return parcel
}
