/**
 * As much of DER as a certificate takes to write: a tag, a length, and what is inside.
 */

/** A value with its tag and length before it. */
export const value = (tag: number, ...parts: ReadonlyArray<Uint8Array>): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([tag]), length(body.length), body])
}

export const sequence = (...parts: ReadonlyArray<Uint8Array>): Buffer => value(0x30, ...parts)

export const set = (...parts: ReadonlyArray<Uint8Array>): Buffer => value(0x31, ...parts)

export const octets = (...parts: ReadonlyArray<Uint8Array>): Buffer => value(0x04, ...parts)

/** Bits in whole octets, but for so many that are not used of the last one. */
export const bits = (bytes: Uint8Array, unused = 0): Buffer => value(0x03, Buffer.from([unused]), bytes)

export const text = (text: string): Buffer => value(0x0c, Buffer.from(text))

export const yes: Uint8Array = Buffer.from([0x01, 0x01, 0xff])

/** A number above zero, big-endian. */
export const integer = (bytes: Uint8Array): Buffer =>
  (bytes[0] & 0x80) === 0 ? value(0x02, bytes) : value(0x02, Buffer.from([0]), bytes)

/** An object identifier: `2.5.29.17`. */
export const oid = (dotted: string): Buffer => {
  const [first, second, ...rest] = dotted.split(".").map(Number)
  return value(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

/** A moment, in milliseconds since 1970. Before 2050 it has a year of two digits, as X.509 demands. */
export const time = (millis: number): Buffer => {
  const digits = `${new Date(millis).toISOString().replace(/\D/g, "").slice(0, 14)}Z`
  return digits < "2050" ? value(0x17, Buffer.from(digits.slice(2))) : value(0x18, Buffer.from(digits))
}

/** What the context tells the type of: `[0]`, `[1]`; `constructed` where values are inside. */
export const tagged = (number: number, constructed: boolean, ...parts: ReadonlyArray<Uint8Array>): Buffer =>
  value((constructed ? 0xa0 : 0x80) | number, ...parts)

// ---------------------------------------------------------------------------------------------------------------------

const length = (size: number): Buffer => {
  if (size < 0x80) return Buffer.from([size])
  const bytes = bigEndian(size, 0x100)
  return Buffer.from([0x80 | bytes.length, ...bytes])
}

const base128 = (number: number): ReadonlyArray<number> =>
  bigEndian(number, 0x80).map((digit, index, all) => index === all.length - 1 ? digit : digit | 0x80)

const bigEndian = (number: number, base: number): ReadonlyArray<number> =>
  number < base ? [number] : [...bigEndian(Math.floor(number / base), base), number % base]
