/**
 * A modelled server: one worker, a queue in the order of arrival and without a bound, and a speed that may change. It knows
 * nothing of deadlines: what was given up is worked off all the same.
 */
import * as Service from "../../src/internal/serviceTime.ts"
import type { Time } from "./time.ts"

/** How a server treats the calls that reach it. */
export type Mood = "works" | "hangs" | "fails"

export interface Server {
  readonly address: string
  /** How fast it works, 1 as the others. */
  speed: number
  mood: Mood
  isAlive: boolean
  /** Calls that it has, and that are on the way to it. */
  load: number
  /** What it says of itself when it is asked: calls that it has, and what they took lately. */
  readonly tell: () => { readonly inFlight: number; readonly serviceTime: number }
  /** Takes a call in that needs so many milliseconds; tells how it ended, unless it never does. */
  readonly take: (work: number, ended: (outcome: Outcome) => void) => void
  /** Ends it, with all that it has. */
  readonly kill: () => void
}

export type Outcome = "done" | "lost"

/** A server that has nothing to do. */
export const make = (time: Time, address: string): Server => {
  let queue: Array<Job> = []
  let isBusy = false
  const service = Service.make()
  const next = () => {
    const job = queue[0]
    if (job === undefined || !server.isAlive) return
    isBusy = true
    const millis = job.work / server.speed
    time.in(millis, () => {
      isBusy = false
      Service.note(service, millis, time.now())
      if (queue[0] === job) queue.shift()
      if (!job.isOver) job.end("done")
      if (!isBusy) next()
    })
  }
  const server: Server = {
    address,
    speed: 1,
    mood: "works",
    isAlive: true,
    load: 0,
    tell: () => ({ inFlight: queue.length, serviceTime: Service.mean(service) }),
    take: (work, ended) => {
      const job: Job = {
        work,
        isOver: false,
        end: (outcome) => {
          job.isOver = true
          ended(outcome)
        }
      }
      if (!server.isAlive) return job.end("lost")
      if (server.mood === "hangs") return
      if (server.mood === "fails") return void time.in(0.5, () => job.end("lost"))
      queue.push(job)
      if (!isBusy) next()
    },
    kill: () => {
      server.isAlive = false
      const lost = queue
      queue = []
      for (const job of lost) if (!job.isOver) job.end("lost")
    }
  }
  return server
}

// ---------------------------------------------------------------------------------------------------------------------

interface Job {
  readonly work: number
  isOver: boolean
  readonly end: (outcome: Outcome) => void
}
