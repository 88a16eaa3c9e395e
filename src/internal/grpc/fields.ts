/**
 * As much of Protocol Buffers as the messages take that gRPC itself has: fields of bytes and of small numbers.
 *
 * The library that codes messages of contracts is optional, and not there where nobody has one in this format.
 */

/** A field as it came: its number, and a number or bytes. */
export type Field = readonly [number: number, value: number | Uint8Array]

/** A length-delimited field. */
export const bytes = (number: number, value: Uint8Array | string): Buffer => {
  const body = typeof value === "string" ? Buffer.from(value) : value
  return Buffer.concat([Buffer.from([...varint(number << 3 | 2), ...varint(body.length)]), body])
}

/** A field that is a number of 31 bits at most. */
export const number = (number: number, value: number): Buffer => Buffer.from([...varint(number << 3), ...varint(value)])

/** The fields of a message, in their order; undefined where it is none. */
export const read = (message: Uint8Array): ReadonlyArray<Field> | undefined => {
  const fields: Array<Field> = []
  let offset = 0
  /** A number, of which only the lower 53 bits are kept exactly; -1 where it does not end. */
  const next = (): number => {
    let value = 0
    for (let scale = 1; offset < message.length && scale < 2 ** 70; scale *= 128) {
      const byte = message[offset++]
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    return -1
  }
  while (offset < message.length) {
    const key = next()
    const type = key % 8
    const value = type === 0 ? next() : 0
    const size = type === 2 ? next() : type === 1 ? 8 : type === 5 ? 4 : 0
    if (key < 8 || value < 0 || size < 0 || offset + size > message.length || ![0, 1, 2, 5].includes(type)) {
      return undefined
    }
    fields.push([Math.floor(key / 8), type === 0 ? value : message.subarray(offset, offset + size)])
    offset += size
  }
  return fields
}

/** The text of the last field of a number; empty where there is none. */
export const text = (fields: ReadonlyArray<Field>, number: number): string => {
  const value = fields.findLast((field) => field[0] === number)?.[1]
  return value instanceof Uint8Array ? Buffer.from(value).toString("utf8") : ""
}

// ---------------------------------------------------------------------------------------------------------------------

const varint = (value: number): ReadonlyArray<number> =>
  value < 0x80 ? [value] : [value & 0x7f | 0x80, ...varint(value >>> 7)]
