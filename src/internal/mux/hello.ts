/**
 * What each side says first: what it takes. What it says beyond that is for who knows it.
 */
import { maxHello } from "./frames.ts"

/** What a side takes. What it does not tell of has no limit that we know. */
export interface Limits {
  /** Bytes of a message. */
  readonly message: number
  /** Bytes of a call's headers. */
  readonly headers: number
  /** Calls under way. */
  readonly calls: number
  /** Whether it tells how busy it is. */
  readonly probes?: boolean
  /** Whether it reads messages that hold several values of a stream. */
  readonly batches?: boolean
}

/** The own part of a hello. */
export const encode = (limits: Limits): Buffer => Buffer.from(JSON.stringify(limits))

/** What a hello tells; nothing where it is none. */
export const decode = (bytes: Buffer, start: number, end: number): Limits | undefined => {
  if (end - start > maxHello) return undefined
  let told: unknown
  try {
    told = JSON.parse(bytes.toString("utf8", start, end))
  } catch {
    return undefined
  }
  if (typeof told !== "object" || told === null || Array.isArray(told)) return undefined
  const { batches, calls = Infinity, headers = Infinity, message = Infinity, probes } = told as Record<string, unknown>
  if (!isLimit(message) || !isLimit(headers) || !isLimit(calls)) return undefined
  return { message, headers, calls, probes: probes === true, batches: batches === true }
}

/** What two sides take. */
export const both = (one: Limits, other: Limits): Limits => ({
  message: Math.min(one.message, other.message),
  headers: Math.min(one.headers, other.headers),
  calls: Math.min(one.calls, other.calls)
})

// ---------------------------------------------------------------------------------------------------------------------

const isLimit = (value: unknown): value is number => typeof value === "number" && value >= 0
