/**
 * When an address that could not be reached may be dialled again: later after each failure, and by chance, so that those
 * who lost a server together do not come back together.
 */
export interface Backoff {
  /** Why an address is not to be dialled yet, if it is not. */
  readonly problem: (address: string) => Error | undefined
  readonly failed: (address: string, cause: unknown) => void
  readonly succeeded: (address: string) => void
}

/** What is known of an address that failed. */
interface Failing {
  readonly failures: number
  /** When it may be dialled, in milliseconds of the clock that never jumps. */
  readonly next: number
  readonly cause: unknown
}

/** Milliseconds that the first pause may be, and the longest one; each may be twice the one before. */
const shortest = 100
const longest = 32_000

/** Most addresses that are remembered: the one that failed longest ago is forgotten, and only dialled too soon. */
const most = 4096

/** Remembers who failed. `now` are milliseconds of a clock that never jumps, `luck` is at least 0 and less than 1. */
export const make = (now: () => number, luck: () => number): Backoff => {
  const addresses = new Map<string, Failing>()
  return {
    problem: (address) => {
      const failing = addresses.get(address)
      if (failing === undefined) return undefined
      const left = Math.ceil(failing.next - now())
      if (left <= 0) return undefined
      const { cause, failures } = failing
      const times = failures === 1 ? "dialling it failed" : `dialling it failed ${failures} times`
      return new Error(`${times}, and the next time is in ${left} ms`, { cause })
    },
    failed: (address, cause) => {
      const failures = (addresses.get(address)?.failures ?? 0) + 1
      const pause = luck() * Math.min(longest, shortest * 2 ** (failures - 1))
      addresses.delete(address)
      addresses.set(address, { failures, next: now() + pause, cause })
      if (addresses.size <= most) return
      for (const oldest of addresses.keys()) {
        addresses.delete(oldest)
        return
      }
    },
    succeeded: (address) => void addresses.delete(address)
  }
}
