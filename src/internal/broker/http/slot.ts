/**
 * What one subscription holds: events of all its publishers, in the order they came, within a bound.
 */
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Pull from "effect/Pull"
import type { Delivery, Message } from "../../../Message.ts"
import { type Failure, failure } from "../../../Transport.ts"

/** Where the verdicts about some events go. */
export interface Ledger {
  /** So many events have come; the number of the first. */
  readonly enter: (count: number) => number
  /** An event is accepted, or given back for so many milliseconds. */
  readonly settle: (event: number, pause: number | undefined) => void
  /** No more events come; with a failure, those that are open are not settled any more. */
  readonly end: (failure?: Failure) => void
}

/** Events that have come together, and are made when they are taken. */
export interface Arrival {
  /** How often they were handed over before. */
  readonly handed: number
  readonly count: number
  /** Makes the next one; called `count` times at most. */
  readonly next: () => Message
}

/** Deliveries that were taken. */
export type Taken = readonly [Delivery, ...Array<Delivery>]

export interface Slot {
  /** Holds events, whose verdicts go to the ledger. */
  readonly enter: (arrivals: ReadonlyArray<Arrival>, ledger: Ledger) => void
  /** A ledger whose publisher has gone. */
  readonly leave: (ledger: Ledger) => void
  /** Waits until more may be entered. */
  readonly room: Effect.Effect<void>
  /** Waits for events, and takes at most so many. */
  readonly take: (most: number) => Pull.Pull<Taken>
  /** Ends the subscription: what is held goes back. */
  readonly close: () => void
}

/** A slot that has room while it holds less than so many events. */
export const make = (topic: string, capacity: number): Slot => {
  const ledgers = new Set<Ledger>()
  const shut = new Set<() => void>()
  let waiting: Array<Run> = []
  let head = 0
  let held = 0
  let taker: (() => void) | undefined
  let isClosed = false

  const hasRoom = () => isClosed || held < capacity
  const settled = () => {
    held--
    if (!hasRoom()) return
    for (const wake of shut) {
      shut.delete(wake)
      wake()
    }
  }
  const wakeTaker = () => {
    const wake = taker
    taker = undefined
    wake?.()
  }
  const hasWaiting = () => head < waiting.length
  const next = (most: number): Taken => {
    const taken: Array<Delivery> = []
    while (hasWaiting() && taken.length < most) {
      const run = waiting[head]
      while (run.next < run.end && taken.length < most) taken.push(new Held(run, run.arrival.next(), run.next++))
      if (run.next === run.end) head++
    }
    // Moving the rest costs as much as it is long, so it waits until that is worth it.
    if (head > waiting.length / 2) {
      waiting = waiting.slice(head)
      head = 0
    }
    // There is one: it was looked for within this step.
    return taken as unknown as Taken
  }
  const take: Slot["take"] = (most) =>
    Effect.callback((resume) => {
      const ready = () => resume(hasWaiting() ? Exit.succeed(next(most)) : Exit.fail(Cause.Done()))
      if (hasWaiting() || isClosed) return ready()
      taker = ready
      return Effect.sync(() => {
        taker = undefined
      })
    })
  return {
    enter: (arrivals, ledger) => {
      if (isClosed) return ledger.end(gone)
      ledgers.add(ledger)
      for (const arrival of arrivals) {
        const first = ledger.enter(arrival.count)
        held += arrival.count
        waiting.push({ arrival, topic, ledger, next: first, end: first + arrival.count, settled })
      }
      wakeTaker()
    },
    leave: (ledger) => void ledgers.delete(ledger),
    room: Effect.callback((resume) => {
      if (hasRoom()) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      shut.add(wake)
      return Effect.sync(() => void shut.delete(wake))
    }),
    take,
    close: () => {
      isClosed = true
      waiting = []
      head = 0
      for (const ledger of ledgers) ledger.end(gone)
      for (const wake of shut) wake()
      wakeTaker()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const gone = failure("Unavailable", "the subscription has ended")

/** Events of one publisher, the numbers of which follow each other. */
interface Run {
  readonly arrival: Arrival
  readonly topic: string
  readonly ledger: Ledger
  /** The number of the next one that is taken. */
  next: number
  readonly end: number
  readonly settled: () => void
}

class Held implements Delivery {
  readonly message: Message
  readonly #run: Run
  readonly #event: number

  constructor(run: Run, message: Message, event: number) {
    this.message = message
    this.#run = run
    this.#event = event
  }

  get topic(): string {
    return this.#run.topic
  }

  get attempt(): number {
    return this.#run.arrival.handed + 1
  }

  // Made when asked for: most deliveries need but one of them.
  get ack(): Effect.Effect<void> {
    return Effect.sync(() => this.ackUnsafe())
  }

  ackUnsafe(): void {
    this.#settle(undefined)
  }

  get giveBack(): Delivery["giveBack"] {
    return (delay) => Effect.sync(() => this.#settle(delay === undefined ? 0 : Duration.toMillis(delay)))
  }

  #settle(pause: number | undefined): void {
    this.#run.ledger.settle(this.#event, pause)
    this.#run.settled()
  }
}
