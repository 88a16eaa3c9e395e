/** Seeded luck for bytes: the same seed, the same damage. */
import { Buffer } from "node:buffer"

export interface Lots {
  /** A whole number from 0, below that. */
  readonly below: (limit: number) => number
  readonly one: <A>(list: ReadonlyArray<A>) => A
  /** So many bytes, of so many values. */
  readonly bytes: (length: number, values: number) => Buffer
  /** Some bytes changed, the end cut off, a piece repeated, or something put behind. */
  readonly mangle: (bytes: Uint8Array) => Uint8Array
}

export const makeLots = (seed: number): Lots => {
  let state = seed >>> 0
  const below = (limit: number): number => {
    state = Math.imul(state ^ state >>> 15, 0x2C1B_3C6D) + 0x9E37_79B9 >>> 0
    const mixed = Math.imul(state ^ state >>> 12, 0x297A_2D39) >>> 0
    return limit === 0 ? 0 : ((mixed ^ mixed >>> 15) >>> 0) % limit
  }
  const one = <A>(list: ReadonlyArray<A>): A => list[below(list.length)]!
  const bytes = (length: number, values: number) => Buffer.from(Array.from({ length }, () => below(values)))
  const mangle = (original: Uint8Array): Uint8Array => {
    const mangled = Buffer.from(original)
    for (let change = below(4); change >= 0; change--) mangled[below(mangled.length)] = below(256)
    switch (below(4)) {
      case 0:
        return mangled.subarray(0, below(mangled.length))
      case 1:
        return Buffer.concat([mangled, bytes(below(20), 256)])
      case 2:
        return Buffer.concat([mangled, mangled.subarray(below(mangled.length))])
      default:
        return mangled
    }
  }
  return { below, one, bytes, mangle }
}
