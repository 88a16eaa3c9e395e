/**
 * Keys on a ring of instances, with few places for each: a key looks from several places, too.
 *
 * A key takes the instance that is nearest behind any of the places it looks from. As few keys move as on a ring with a
 * hundred places for each instance: those of who left, and as many as a new one takes. But this one is sorted twenty times
 * as fast, which counts where a list of ten thousand changes.
 */
import type { Instance } from "../../Registry.ts"
import * as Hash from "./hash.ts"

/** The instances of a list, by place. */
export interface Ring {
  readonly places: Uint32Array
  readonly instances: ReadonlyArray<Instance>
}

/** Puts instances on the ring; their order does not matter. */
export const make = (list: ReadonlyArray<Instance>): Ring => {
  // Place and index in one number, 53 bits, since numbers are sorted much faster than pairs.
  const both = new Float64Array(list.length * copies)
  for (const [index, { id }] of list.entries()) {
    const start = Hash.ofText(id)
    for (let copy = 0; copy < copies; copy++) both[index * copies + copy] = another(start, copy) * most + index
  }
  both.sort()
  return {
    places: Uint32Array.from(both, (both) => Math.floor(both / most)),
    instances: Array.from(both, (both) => list[both % most]!)
  }
}

/**
 * The instance of a key among those that are free; undefined where none is.
 *
 * Who is not free is passed over as if it were not there, so its keys go to many others, and each always to the same one.
 */
export const find = (ring: Ring, key: string, isFree: (instance: Instance) => boolean): Instance | undefined => {
  const size = ring.places.length
  const start = Hash.ofText(key)
  let best: Instance | undefined
  let shortest = Infinity
  for (let look = 0; look < looks; look++) {
    const from = another(start, copies + look)
    let index = behind(ring.places, from)
    for (let step = 0; step < size; step++, index++) {
      if (index === size) index = 0
      const distance = (ring.places[index]! - from) >>> 0
      if (distance >= shortest) break
      const instance = ring.instances[index]!
      if (!isFree(instance)) continue
      best = instance
      shortest = distance
      break
    }
  }
  return best
}

// ---------------------------------------------------------------------------------------------------------------------

/** Places of an instance, and looks of a key: up to a hundred instances then have 0.6 to 1.2 times their share of keys. */
const copies = 4
const looks = 8

/** More instances than one list has: 2^21. */
const most = 2_097_152

const another = (place: number, index: number): number => Hash.mix(place + Math.imul(index, 0x9e3779b9))

/** The first place at or behind that one; the length of the list where there is none. */
const behind = (places: Uint32Array, from: number): number => {
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (places[middle]! < from) low = middle + 1
    else high = middle
  }
  return low
}
