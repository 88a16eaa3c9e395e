/**
 * Who may run: as many calls of a service as its limit says, then a queue, then nobody.
 *
 * A handler that computes and never waits is beyond any limit: no two of them run at once. What it keeps from running is
 * all else, since the calls that were read together run one after the other, and seconds may pass before the next ones
 * are read. So the calls of one turn of the event loop have a slice of time; the others wait for the next turn, in the
 * same queue.
 *
 * Below the limit a call costs a comparison, and two fields when it begins and ends. A call that waits costs its fiber a
 * callback, and its bound an entry in a wheel; one that is refused, a failure whose text is written once.
 *
 * There is one for each service, although all of them share the CPU: a service that calls another one of its own process
 * would otherwise hold the places that those calls need. That the CPU is short shows in what the calls of each take.
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { performance } from "node:perf_hooks"
import { type Call, type Failure, failure } from "../../Transport.ts"
import { expired } from "../deadline.ts"
import * as Wheel from "../wheel.ts"
import * as Limit from "./limit.ts"
import { isLow } from "./priority.ts"
import * as Waiting from "./waiting.ts"

export interface Options {
  /** The least that the limit ever is. Default 4. */
  readonly min?: number | undefined
  /** The most that the limit ever is. Default 1,000. */
  readonly max?: number | undefined
  /** How many calls may wait for a place. Default 1,000; their messages may have 16 MiB together. */
  readonly queue?: number | undefined
  /** How long a call may wait for a place. Default 500 milliseconds. */
  readonly patience?: Duration.Input | undefined
}

export interface Admission {
  readonly limit: Limit.Limit
  readonly waiting: Waiting.Waiting
  running: number
  /** Calls that were refused so far. */
  shed: number
  readonly patience: number
  readonly overloaded: Uint8Array
  readonly clock: Clock.Clock
  readonly wheel: Wheel.Wheel
  releasing: boolean
  /** Whether it is to be seen soon if the limit is too low to begin with. */
  probing: boolean
  /** When the last call came, and when the turn began that is being watched, in milliseconds of the monotonic clock. */
  last: number
  turn: number | undefined
}

/** How long the calls of one turn of the event loop may take, in milliseconds; and a pause that may have been a call. */
const slice = 10
const pause = 1

/**
 * A stream may wait so many times as long as a call: it takes no place, and its turn comes for certain. Its caller has
 * asked for more than an answer at once, and would only ask again.
 */
export const streamPatience = 10

/**
 * Who looks at the clock so many milliseconds late stood still meanwhile, and let nobody in. Calls that wait have as many
 * more then, once, in which those that are done make room: to refuse all of them would say that there is too much to do.
 */
const stall = 50

/** Calls that wait while nothing is known of the limit, and the CPU stands idle, double it after so many milliseconds. */
const probe = 50
const idle = 0.75

const queueBytes = 16 * 1024 * 1024

/** The bounds of when a caller is asked to come back, in milliseconds. */
const soonest = 25
const latest = 5000

/** Admits the calls of a service until the scope closes. Dies where the options make no sense. */
export const make = (
  service: string,
  options: Options | undefined
): Effect.Effect<Admission, never, Scope.Scope> =>
  Effect.gen(function*() {
    const wheel = yield* Wheel.make
    const clock = yield* Effect.clockWith(Effect.succeed)
    const min = whole("min", options?.min ?? 4, 1)
    const max = whole("max", options?.max ?? Math.max(min, 1000), min)
    const size = whole("queue", options?.queue ?? 1000, 0)
    return {
      limit: Limit.make({ min, max }, Wheel.now(clock)),
      waiting: Waiting.make({ size, bytes: queueBytes }),
      running: 0,
      shed: 0,
      patience: Duration.toMillis(options?.patience ?? "500 millis"),
      overloaded: failure("Overloaded", `This instance of ${service} has too much to do`).body,
      clock,
      wheel,
      releasing: false,
      probing: false,
      last: Number.NEGATIVE_INFINITY,
      turn: undefined
    }
  })

/** Whether a call that comes now may begin at once: there is a place, and nobody waits for it. */
export const isOpen = (self: Admission, now: number): boolean => {
  // Calls that come one upon the other keep nobody waiting. After a pause somebody may have, or nothing happened.
  if (now - self.last >= pause && self.turn === undefined) watch(self, now)
  self.last = now
  return hasPlace(self, now) && self.waiting.size === 0
}

/** What a call that cannot begin at once, and finds no room to wait, is answered with. */
export const refuse = (self: Admission, call: Call, bytes: number): Failure | undefined => {
  while (!Waiting.hasRoom(self.waiting, bytes)) {
    const less = isLow(call) ? undefined : Waiting.least(self.waiting)
    if (less === undefined) return overloaded(self)
    less.settle(overloaded(self))
  }
  return undefined
}

/**
 * Waits for a place, so many times as long as calls do; completes with a failure where none came in time. An interrupted
 * wait leaves nothing.
 */
export const wait = (self: Admission, call: Call, bytes: number, times: number): Effect.Effect<Failure | undefined> =>
  Effect.callback((resume) => {
    const { clock, waiting, wheel } = self
    const patience = self.patience * times
    const since = Wheel.now(clock)
    const leave = () => {
      Waiting.remove(waiting, ticket)
      wheel.remove(entry)
    }
    const settle = (refused: Failure | undefined) => {
      leave()
      // Its own timer may be late, where the event loop is.
      const late = call.timeout !== undefined && Wheel.now(clock) - since >= call.timeout
      resume(Exit.succeed(refused === undefined && late ? expired(call) : refused))
    }
    const ticket = Waiting.add(waiting, isLow(call), bytes, settle, since + patience / 2)
    const end = () => settle(overloaded(self))
    let entry = wheel.add(patience, () => {
      const stood = Wheel.now(clock) - since - patience
      if (stood < stall) end()
      else entry = wheel.add(stall, end)
    })
    if (!self.probing && Limit.isNew(self.limit)) look(self)
    return Effect.sync(leave)
  })

/** A call begins. */
export const enter = (self: Admission): void => {
  self.running++
}

/** A call that began has ended, and took so long where it says anything about the limit. */
export const leave = (self: Admission, profile: Limit.Profile, took: number | undefined, now: number): void => {
  if (took !== undefined) Limit.sample(self.limit, profile, took, now, self.running)
  self.running--
  release(self)
}

/** Answers all that wait. */
export const dismiss = ({ waiting }: Admission, reply: Failure): void => {
  for (let ticket = Waiting.next(waiting, 0); ticket !== undefined; ticket = Waiting.next(waiting, 0)) {
    ticket.settle(reply)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const hasPlace = ({ limit, running, turn }: Admission, now: number): boolean =>
  running < limit.value && (turn === undefined || now - turn < slice)

/** Watches this turn of the event loop until it is over, which is when the next calls may run. */
const watch = (self: Admission, now: number): void => {
  self.turn = now
  setImmediate(() => {
    self.turn = undefined
    release(self)
  })
}

/** Gives the free places to those that wait. A call that ends at once comes back here: the loop is entered once. */
const release = (self: Admission): void => {
  const { clock, limit, waiting } = self
  // Without a free place the next turn is not waited for either: the loop would turn for nothing until one is free.
  if (self.releasing || waiting.size === 0 || self.running >= limit.value) return
  self.releasing = true
  let now = Wheel.now(clock)
  if (self.turn === undefined) watch(self, now)
  for (; hasPlace(self, now); now = Wheel.now(clock)) {
    const ticket = Waiting.next(waiting, now)
    if (ticket === undefined) break
    ticket.settle(undefined)
  }
  self.releasing = false
}

/**
 * Sees to it that nobody is refused by a guess: the first calls may all wait for something that is slow, and none of them
 * ends in time to say that more could run.
 */
const look = (self: Admission): void => {
  const { limit, waiting, wheel } = self
  const before = performance.eventLoopUtilization()
  self.probing = true
  wheel.add(probe, () => {
    self.probing = false
    if (waiting.size === 0 || !Limit.isNew(limit)) return
    const isIdle = performance.eventLoopUtilization(before).utilization < idle
    if (isIdle && !Limit.grow(limit)) return
    look(self)
    release(self)
  })
}

/**
 * A refusal. It asks to come back when those that are here will have gone, and spreads those that it refuses over as
 * much time again: otherwise they would all come back at once.
 */
const overloaded = (self: Admission): Failure => {
  const { limit, overloaded, waiting } = self
  const gone = Math.min(latest, Math.max(soonest, (waiting.size + limit.value) * (limit.mean || 0) / limit.value))
  const retryAfter = Math.ceil(gone * (1 + (self.shed++ * golden) % 1))
  return { _tag: "Failure", status: "Overloaded", body: overloaded, retryAfter }
}

/** Multiples of the golden ratio fall apart evenly, however many there are. */
const golden = 0.6180339887498949

const whole = (name: string, value: number, least: number): number => {
  if (Number.isInteger(value) && value >= least) return value
  throw new RangeError(`limit.${name} is ${value}: it must be a whole number of at least ${least}`)
}
