/**
 * The keys of a member, which may change while it runs.
 */
import { Buffer } from "node:buffer"
import { randomBytes } from "node:crypto"
import * as Keyring from "../wire/keyring.ts"

export interface Ring extends Keyring.Keyring {
  /** Reads with a key from now on. Each of these says why it cannot be, if it cannot. */
  readonly install: (key: Uint8Array) => string | undefined
  /** Writes with a key from now on. */
  readonly use: (key: Uint8Array) => string | undefined
  readonly remove: (key: Uint8Array) => string | undefined
}

/** The first of the keys writes. */
export const make = (keys: ReadonlyArray<Uint8Array>): Ring => {
  let ring = keys
  const without = (key: Uint8Array) => ring.filter((other) => Buffer.compare(other, key) !== 0)
  const has = (key: Uint8Array) => without(key).length < ring.length
  return {
    get keys() {
      return ring
    },
    nonce: () => randomBytes(12),
    install: (key) => {
      if (!Keyring.isKey(key)) return `A key of ${key.length} bytes`
      if (has(key)) return undefined
      if (ring.length >= mostKeys) return `There are ${mostKeys} keys already`
      ring = [...ring, Uint8Array.from(key)]
      return undefined
    },
    use: (key) => {
      if (!has(key)) return "The key is not installed"
      ring = [Uint8Array.from(key), ...without(key)]
      return undefined
    },
    remove: (key) => {
      if (ring[0] !== undefined && Buffer.compare(ring[0], key) === 0) return "The key is in use"
      ring = without(key)
      return undefined
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Each packet that nobody can read is tried with all of them. */
const mostKeys = 16
