/**
 * How much is measured, and how often.
 */
import type { Timing } from "./run.ts"
import type { Workload } from "./workload.ts"

/** How much is measured, and how often. */
export interface Plan extends Timing {
  readonly name: string
  readonly rounds: number
  /** No round begins that would probably end later than so long after the first one began. */
  readonly limitMillis: number
  readonly starts: number
  readonly idleMillis: number
}

/** Calls of a small message by so many callers at a time. */
export const unary = (callers: number): Workload => ({ kind: "unary", callers })

const stream = (callers: number, length: number, chunked: boolean): Workload => ({
  kind: "stream",
  callers,
  length,
  chunked
})

/** Each group has processes of its own, which its last workload warms up. */
export const groups = {
  unary: [unary(1), unary(16), unary(64), unary(256)],
  large: [
    { kind: "text", callers: 8, size: 64 * 1024 },
    { kind: "text", callers: 4, size: 1024 * 1024 },
    { kind: "bytes", callers: 8, size: 64 * 1024 },
    { kind: "bytes", callers: 4, size: 1024 * 1024 }
  ],
  streams: [
    stream(1, 10_000, true),
    stream(1, 10_000, false),
    stream(100, 1000, true),
    stream(100, 1000, false),
    { kind: "pingpong", callers: 64 }
  ]
} as const satisfies Record<string, ReadonlyArray<Workload>>

/** Good for numbers to be written down. */
export const full: Plan = {
  name: "full",
  rounds: 5,
  limitMillis: Infinity,
  starts: 7,
  idleMillis: 500,
  firstMillis: 3000,
  warmMillis: 500,
  millis: 1000,
  repeats: 2
}

/** Good for a look before and after a change. */
export const quick: Plan = {
  name: "quick",
  rounds: 3,
  limitMillis: Infinity,
  starts: 3,
  idleMillis: 300,
  firstMillis: 2000,
  warmMillis: 200,
  millis: 500,
  repeats: 1
}

/** Says whether everything runs, and nothing about how fast. */
export const smoke: Plan = {
  name: "smoke",
  rounds: 1,
  limitMillis: Infinity,
  starts: 1,
  idleMillis: 0,
  firstMillis: 50,
  warmMillis: 50,
  millis: 100,
  repeats: 0
}
