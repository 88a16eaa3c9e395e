/**
 * Texts as numbers of 32 bits that look as if drawn by lot, and are the same in every process.
 */

/** FNV-1a, mixed, since ids differ in their last letters only. */
export const ofText = (text: string): number => {
  let hash = 0x811c9dc5
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mix(hash)
}

/** Spreads 32 bits: each bit of the result depends on all of them. */
export const mix = (bits: number): number => {
  let mixed = bits | 0
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}
