/**
 * The keys that a cluster keeps its messages secret with: AES-GCM, of 16, 24 or 32 bytes.
 *
 * The first key writes and all of them read, so that keys can be changed while everybody goes on.
 */
import { Buffer } from "node:buffer"
import { createCipheriv, createDecipheriv } from "node:crypto"
import { fail } from "./problem.ts"

export interface Keyring {
  /** The first one writes. */
  readonly keys: ReadonlyArray<Uint8Array>
  /** 12 random bytes. */
  readonly nonce: () => Uint8Array
}

/** How many bytes longer a secret is than what it hides. */
export const overhead = 29

/** Whether AES has keys of that length. */
export const isKey = (key: Uint8Array): boolean => key.length === 16 || key.length === 24 || key.length === 32

/** Version, nonce, ciphertext, tag. What is `seen` is not hidden, but cannot be changed on the way either. */
export const seal = ({ keys, nonce }: Keyring, plain: Uint8Array, seen: Uint8Array): Uint8Array => {
  const key = keys[0]!
  const random = nonce()
  const cipher = createCipheriv(algorithm(key), key, random, { authTagLength: tagSize })
  cipher.setAAD(seen)
  return Buffer.concat([version1, random, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** What a secret hides. Fails where none of the keys opens it. */
export const open = ({ keys }: Keyring, secret: Uint8Array, seen: Uint8Array): Uint8Array => {
  const version = secret[0]
  if (version === undefined || version > 1 || secret.length < overhead) return fail("NotEncrypted", "No key was used")
  for (const key of keys) {
    const plain = tryOpen(key, secret, seen)
    if (plain !== undefined) return version === 0 ? unpadded(plain) : plain
  }
  return fail("WrongKey", `None of ${keys.length} keys opens the message`)
}

// ---------------------------------------------------------------------------------------------------------------------

const version1 = Uint8Array.of(1)
const nonceSize = 12
const tagSize = 16

const algorithm = (key: Uint8Array) => `aes-${key.length * 8 as 128 | 192 | 256}-gcm` as const

const tryOpen = (key: Uint8Array, secret: Uint8Array, seen: Uint8Array): Uint8Array | undefined => {
  const body = 1 + nonceSize
  const end = secret.length - tagSize
  const decipher = createDecipheriv(algorithm(key), key, secret.subarray(1, body), { authTagLength: tagSize })
  decipher.setAAD(seen)
  decipher.setAuthTag(secret.subarray(end))
  const plain = decipher.update(secret.subarray(body, end))
  try {
    decipher.final()
    return plain
  } catch {
    return undefined
  }
}

/** The oldest version filled its messages up to whole blocks. */
const unpadded = (plain: Uint8Array): Uint8Array => {
  const padding = plain.at(-1) ?? 0
  return padding >= 1 && padding <= 16 && padding <= plain.length
    ? plain.subarray(0, plain.length - padding)
    : fail("Garbled", "A message that is not filled up as it says")
}
