/**
 * What is to happen, by time; of the same time in the order that it was added.
 */

export interface Event {
  readonly at: number
  readonly run: () => void
}

export interface Agenda {
  readonly add: (at: number, run: () => void) => void
  /** Takes the earliest away. */
  readonly next: () => Event | undefined
}

export const make = (): Agenda => {
  const heap: Array<Event & { readonly order: number }> = []
  let order = 0
  const isBefore = (one: number, other: number): boolean =>
    heap[one]!.at < heap[other]!.at || heap[one]!.at === heap[other]!.at && heap[one]!.order < heap[other]!.order
  const swap = (one: number, other: number): void => {
    const event = heap[one]!
    heap[one] = heap[other]!
    heap[other] = event
  }
  return {
    add: (at, run) => {
      let index = heap.push({ at, run, order: order++ }) - 1
      while (index > 0 && isBefore(index, index - 1 >> 1)) {
        swap(index, index - 1 >> 1)
        index = index - 1 >> 1
      }
    },
    next: () => {
      const [first] = heap
      const last = heap.pop()
      if (first === undefined || last === undefined || heap.length === 0) return first
      heap[0] = last
      for (let index = 0;;) {
        let least = index
        for (const below of [2 * index + 1, 2 * index + 2]) {
          if (below < heap.length && isBefore(below, least)) least = below
        }
        if (least === index) return first
        swap(index, least)
        index = least
      }
    }
  }
}
