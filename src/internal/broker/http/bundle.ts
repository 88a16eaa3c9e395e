/**
 * Events of a parcel that wait and travel together.
 */
import * as Frames from "./frames.ts"
import type { Parcel } from "./parcel.ts"
import type { Sheet } from "./sheet.ts"

export interface Bundle extends Frames.Run {
  readonly parcel: Parcel
  /** The place of its first event in what was published. */
  readonly first: number
  /** Bytes of the bodies. */
  readonly bytes: number
  /** Of the member that it was given to, where it was chosen. */
  readonly lease: Lease | undefined
  /** What others get as well, as long as it is the same. */
  readonly sheet: Sheet | undefined
}

/** A member of a group, lent for some events. */
export interface Lease {
  /** So many of the events are out of its hands. */
  readonly settled: (events: number) => void
  /** The member could not be reached. */
  readonly failed: (problem: unknown) => void
}

/** The bundles of a parcel. */
export const of = (parcel: Parcel, sheets: ReadonlyArray<Sheet>, isShared: boolean): ReadonlyArray<Bundle> =>
  sheets.map((sheet) => ({
    parcel,
    messages: sheet.messages,
    first: sheet.first,
    bytes: sheet.bytes,
    handed: 0,
    lease: undefined,
    sheet: isShared ? sheet : undefined
  }))

/** The events of a bundle from one to before another, counted within it. */
export const part = (bundle: Bundle, from: number, to: number): Bundle => {
  if (from === 0 && to === bundle.messages.length) return bundle
  const messages = bundle.messages.slice(from, to)
  const bytes = messages.reduce((size, { body }) => size + body.length, 0)
  return { ...bundle, messages, first: bundle.first + from, bytes, sheet: undefined }
}

/** It is in nobody's hands any more. */
export const returned = (bundle: Bundle): Bundle => ({ ...bundle, lease: undefined })

/** It was handed over, and comes again. */
export const again = (bundle: Bundle): Bundle => ({ ...bundle, handed: bundle.handed + 1, sheet: undefined })

/** In pieces of at most so many events. */
export const split = (bundle: Bundle, most: number): ReadonlyArray<Bundle> =>
  Array.from(
    { length: Math.ceil(bundle.messages.length / most) },
    (_, index) => part(bundle, index * most, Math.min((index + 1) * most, bundle.messages.length))
  )

/** Events and bytes of some bundles. */
export const sizeOf = (bundles: ReadonlyArray<Bundle>): { readonly events: number; readonly bytes: number } => {
  let [events, bytes] = [0, 0]
  for (const bundle of bundles) {
    events += bundle.messages.length
    bytes += bundle.bytes
  }
  return { events, bytes }
}

/** The frame of some bundles. */
export const write = (bundles: ReadonlyArray<Bundle>): Uint8Array => {
  const sheet = bundles.length === 1 ? bundles[0].sheet : undefined
  if (sheet === undefined) return Frames.writeEvents(bundles)
  sheet.frame ??= Frames.writeEvents(bundles)
  return sheet.frame
}
