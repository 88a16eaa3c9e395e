/**
 * What an instance has said of itself, and what that is worth by now.
 *
 * A report holds for a moment: others send calls, too. So it fades to what is usual, and whoever has not been heard of for
 * a while looks like anybody else, and is asked again.
 */
import type { Load } from "../../Load.ts"

/** What is usual among the instances of a service. */
export interface Usual {
  inFlight: number
  /** Milliseconds; 0 before anybody has told. */
  serviceTime: number
  /** Of a probe that nothing holds up: one that has to wait for a handler says how busy the server is, not how far. */
  roundTrip: number
  /** When anybody was asked last. */
  askedAt: number
}

/** One instance. */
export interface Report {
  /** The last that it said. */
  load: Load | undefined
  /** Calls that it was lent for since. */
  lent: number
  /** When it was asked and did not answer in time; it has not answered since. */
  missedAt: number
}

export const usual = (): Usual => ({ inFlight: 0, serviceTime: 0, roundTrip: 0, askedAt: -Infinity })

export const make = (): Report => ({ load: undefined, lent: 0, missedAt: -Infinity })

/** Takes in what an instance said last. */
export const hear = (report: Report, load: Load | undefined, usual: Usual): void => {
  if (load === report.load) return
  report.load = load
  report.lent = 0
  if (load === undefined) return
  report.missedAt = -Infinity
  const share = usual.roundTrip === 0 ? 1 : inertia
  usual.inFlight += (load.inFlight - usual.inFlight) * share
  usual.roundTrip = nearer(usual.roundTrip, load.roundTrip)
  // Who has served nobody yet says nothing of what it takes.
  if (load.serviceTime > 0) {
    usual.serviceTime += (load.serviceTime - usual.serviceTime) * (usual.serviceTime === 0 ? 1 : inertia)
  }
}

/** When one more call would be done, in milliseconds: after those that are there. */
export const cost = ({ lent }: Report, load: Load, usual: Usual, now: number): number => {
  const rest = Math.exp(Math.min(0, load.at - now) / memory)
  const inFlight = usual.inFlight + (load.inFlight + lent - usual.inFlight) * rest
  const said = load.serviceTime > 0 ? load.serviceTime : usual.serviceTime
  return (inFlight + 1) * Math.max(least, usual.serviceTime + (said - usual.serviceTime) * rest)
}

/**
 * Whether calls take so long that it is worth a round trip to learn where they take less. Now and then it is worth it to
 * learn that.
 */
export const isWorthAsking = ({ askedAt, roundTrip, serviceTime }: Usual, now: number): boolean =>
  (roundTrip > 0 && serviceTime >= worth * roundTrip) || Math.abs(now - askedAt) >= pause

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds that a handler is taken to take at least: where nobody knows yet, only the calls count. */
const least = 0.1

/** How much one report moves what is usual. */
const inertia = 1 / 16

/**
 * After so many milliseconds a report counts for a third: about as long as a queue remembers. To forget within tens of
 * milliseconds makes callers run to and fro.
 */
const memory = 300

/** Round trips that a call must take. */
const worth = 5

/** Milliseconds between two questions where it is not worth asking. */
const pause = 1000

/** Shorter at once; longer slowly, and by no more than twice as much, however long the other one took. */
const nearer = (usual: number, roundTrip: number): number =>
  usual === 0 || roundTrip < usual ? roundTrip : usual + (Math.min(roundTrip, 2 * usual) - usual) * inertia
