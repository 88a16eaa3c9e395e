/**
 * The part of a publishing that is for one party: a subscriber without a group, or a group, of which one member is to
 * accept each event.
 */

/** Which of its events: so many, from a place on. */
export interface Part {
  readonly first: number
  readonly messages: ArrayLike<unknown>
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
  /** Whether nobody waits for it any more: all is settled, or it was withdrawn. */
  readonly isOver: () => boolean
  readonly accept: (part: Part) => void
  /** The whole party has left: it has neither accepted nor refused. */
  readonly forget: (part: Part) => void
  readonly refuse: (part: Part, subscriber: string, problem: string) => void
  /** Why it takes so long, for who gives up. */
  readonly note: (subscriber: string, problem: string) => void
  /** Refuses all that is open. */
  readonly withdraw: (problem: string) => void
  readonly isAccepted: () => boolean
  readonly refusals: () => ReadonlyArray<Refusal>
}

/** A parcel of so many events; `settled` is called once, when each of them is. */
export const make = (party: string, count: number, settled: () => void): Parcel => {
  const isSettled = new Uint8Array(count)
  const refusals: Array<{ readonly subscriber: string; readonly problem: string; readonly events: Array<number> }> = []
  let open = count
  let accepted = 0
  let last: { readonly subscriber: string; readonly problem: string } | undefined

  /** How many of them were not settled before. */
  const settle = ({ first, messages }: Part): number => {
    let fresh = 0
    for (let place = first; place < first + messages.length; place++) {
      fresh += 1 - isSettled[place]
      isSettled[place] = 1
    }
    open -= fresh
    return fresh
  }
  const tell = (fresh: number) => {
    // Whoever waits for the last one looks at the outcome within this call.
    if (fresh > 0 && open === 0) settled()
  }
  const refuse: Parcel["refuse"] = ({ first, messages }, subscriber, problem) => {
    const places = Array.from(messages, (_, index) => first + index).filter((place) => isSettled[place] === 0)
    if (places.length === 0) return
    const same = refusals.find((refusal) => refusal.subscriber === subscriber && refusal.problem === problem)
    if (same === undefined) refusals.push({ subscriber, problem, events: places })
    else for (const place of places) same.events.push(place)
    tell(settle({ first, messages }))
  }
  return {
    party,
    isOver: () => open === 0,
    accept: (part) => {
      const fresh = settle(part)
      accepted += fresh
      tell(fresh)
    },
    forget: (part) => tell(settle(part)),
    refuse,
    note: (subscriber, problem) => {
      last = { subscriber, problem }
    },
    withdraw: (problem) => {
      const { subscriber = party, problem: detail } = last ?? {}
      refuse({ first: 0, messages: isSettled }, subscriber, detail === undefined ? problem : `${problem}: ${detail}`)
    },
    isAccepted: () => accepted === count,
    refusals: () => refusals
  }
}
