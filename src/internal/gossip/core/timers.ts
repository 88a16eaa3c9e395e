/**
 * What is to be done later, by a clock that stands still while the process does.
 */

/** Something that is to be done at a time. */
export interface Timer {
  readonly at: number
  readonly run: () => void
  isOff: boolean
}

export interface Timers {
  /** The time of the cluster: that of the process without the stalls. */
  readonly now: () => number
  readonly after: (delay: number, run: () => void) => Timer
  readonly cancel: (timer: Timer | undefined) => void
  /** Does what is due. */
  readonly tick: () => void
  /** In how many milliseconds `tick` should be called; undefined where nothing is left to do. */
  readonly wait: () => number | undefined
}

/**
 * Timers over a clock in milliseconds. Who wakes more than `stall` late was not running, and neither was its clock then.
 */
export const make = (clock: () => number, stall: number): Timers => {
  const heap: Array<Timer> = []
  let stood = 0
  const now = () => clock() - stood
  const skim = (): Timer | undefined => {
    while (heap[0]?.isOff === true) pop(heap)
    return heap[0]
  }
  return {
    now,
    after: (delay, run) => {
      const timer = { at: now() + delay, run, isOff: false }
      push(heap, timer)
      return timer
    },
    cancel: (timer) => {
      if (timer !== undefined) timer.isOff = true
    },
    tick: () => {
      const first = skim()
      if (first === undefined) return
      const late = now() - first.at
      if (late > stall) {
        // What came meanwhile waits in the sockets. It is read before anything else becomes due: a millisecond from now.
        stood += late + 1
        return
      }
      const until = now()
      for (let due = skim(); due !== undefined && due.at <= until; due = skim()) {
        pop(heap)
        due.run()
      }
    },
    wait: () => {
      const first = skim()
      return first === undefined ? undefined : Math.max(0, first.at - now())
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const push = (heap: Array<Timer>, timer: Timer): void => {
  let at = heap.push(timer) - 1
  while (at > 0) {
    const above = at - 1 >> 1
    if (heap[above]!.at <= timer.at) break
    heap[at] = heap[above]!
    at = above
  }
  heap[at] = timer
}

const pop = (heap: Array<Timer>): void => {
  const last = heap.pop()!
  if (heap.length === 0) return
  let at = 0
  for (;;) {
    let below = 2 * at + 1
    if (below >= heap.length) break
    if (below + 1 < heap.length && heap[below + 1]!.at < heap[below]!.at) below++
    if (heap[below]!.at >= last.at) break
    heap[at] = heap[below]!
    at = below
  }
  heap[at] = last
}
