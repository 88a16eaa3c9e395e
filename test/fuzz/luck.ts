/**
 * Random inputs for whatever reads what others wrote.
 *
 * Each input has a number of its own, and is made of nothing else. What fails says which one it was, and
 * `FUZZ_INPUT=<number> vitest run fuzz -t "<name>"` tries that one alone; `FUZZ=<count>` tries more of them.
 */
import { it } from "@effect/vitest"

/** Where an input comes from. */
export interface Luck {
  /** A whole number from 0 up to a bound, which it never is. */
  readonly below: (bound: number) => number
  readonly pick: <A>(from: ReadonlyArray<A>) => A
  readonly bytes: (length: number) => Buffer
  /** Some of these, put together in any order, with noise between them. */
  readonly text: (words: ReadonlyArray<string>, most: number) => string
  /** Bytes like these, with a few things gone wrong. */
  readonly spoil: (bytes: Buffer) => Buffer
  /** The same bytes, in as many reads as it happens. */
  readonly cut: (bytes: Buffer) => ReadonlyArray<Buffer>
}

/** Inputs of each proof, unless told otherwise. */
const inputs = Number(process.env["FUZZ"] ?? 100_000)

const only = process.env["FUZZ_INPUT"]

/** Milliseconds that one input may take; the reading of one takes microseconds. */
const patience = 2000

/** Proves something of many inputs. A share of less than 1 is for what takes longer. */
export const fuzz = (name: string, proof: (luck: Luck) => void, share = 1): void => {
  it(name, () => runs(proof, share), 60_000 + inputs)
}

/** The same, within a test. */
export const runs = (proof: (luck: Luck) => void, share = 1): void => {
  const first = only === undefined ? 0 : Number(only)
  const end = only === undefined ? Math.ceil(inputs * share) : first + 1
  for (let input = first; input < end; input++) {
    // What takes long twice does so by itself, and not because the machine had something else to do.
    if (time(proof, input) > patience && time(proof, input) > patience) throw new Error(`input ${input} takes too long`)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** How long the proof of an input takes, in milliseconds. */
const time = (proof: (luck: Luck) => void, input: number): number => {
  const start = performance.now()
  try {
    proof(make(input))
  } catch (cause) {
    throw new Error(`input ${input}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
  return performance.now() - start
}

/** Numbers from 0 to 1 that are the same for the same input. An effect for each input would cost more than its proof. */
const numbers = (input: number) => {
  let state = Math.imul(input + 1, 0x9e3779b1)
  return () => {
    state = state + 0x6d2b79f5 | 0
    let mixed = Math.imul(state ^ state >>> 15, state | 1)
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61)
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32
  }
}

const make = (input: number): Luck => {
  const next = numbers(input)
  const below = (bound: number) => Math.floor(next() * bound)
  const pick = <A>(from: ReadonlyArray<A>): A => from[below(from.length)]
  const bytes = (length: number) => {
    const noise = Buffer.alloc(length)
    for (let at = 0; at < length; at++) noise[at] = below(256)
    return noise
  }
  return {
    below,
    pick,
    bytes,
    text: (words, most) => {
      let text = ""
      for (let count = below(most + 1); count > 0; count--) {
        text += below(4) === 0 ? String.fromCodePoint(pick(oddities) ?? below(0x300)) : pick(words)
      }
      return text
    },
    spoil: (original) => {
      let spoiled = original
      for (let count = below(5); count > 0; count--) spoiled = pick(mishaps)(spoiled, below, bytes)
      return spoiled
    },
    cut: (whole) => {
      const reads: Array<Buffer> = []
      const largest = pick([1, 3, 12, 100, Math.max(1, whole.length)])
      for (let at = 0; at < whole.length;) {
        const size = 1 + below(largest)
        // A copy, so that nothing behind the end can be read by mistake.
        reads.push(Buffer.from(whole.subarray(at, at + size)))
        at += size
      }
      return reads
    }
  }
}

/** Characters that texts are known to break on. */
const oddities = [0, 0x0a, 0x0d, 0x20, 0x25, 0x2c, 0x2f, 0x3b, 0x7f, 0x80, 0xff, 0x2028, 0xfffd, 0x1f600, undefined]

type Mishap = (bytes: Buffer, below: Luck["below"], noise: Luck["bytes"]) => Buffer

const mishaps: ReadonlyArray<Mishap> = [
  // A byte is another one.
  (bytes, below) => {
    const changed = Buffer.from(bytes)
    if (changed.length > 0) changed[below(changed.length)] = below(256)
    return changed
  },
  // A number lies.
  (bytes, below) => {
    const changed = Buffer.from(bytes)
    if (changed.length < 4) return changed
    changed.writeUInt32BE([0, 1, 0xffff, 2 ** 31 - 1, 2 ** 32 - 1][below(5)], below(changed.length - 3))
    return changed
  },
  (bytes, below) => bytes.subarray(0, below(bytes.length + 1)),
  (bytes, below) => bytes.subarray(below(bytes.length + 1)),
  (bytes, below, noise) => {
    const at = below(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), noise(below(20)), bytes.subarray(at)])
  },
  // A part comes twice.
  (bytes, below) => {
    const at = below(bytes.length + 1)
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(below(at + 1))])
  }
]
