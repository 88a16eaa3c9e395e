/**
 * What was sent on a stream and is not settled, by the numbers of the events.
 *
 * Verdicts come in runs, and most often about what was sent first; those in between cut a bundle in two.
 */
import * as Bundle from "./bundle.ts"

export interface Sent {
  readonly enter: (bundle: Bundle.Bundle) => void
  /** Takes out so many events from a number on; undefined where they are not all there. */
  readonly take: (from: number, count: number) => ReadonlyArray<Bundle.Bundle> | undefined
  /** What is there, in its order. */
  readonly all: () => ReadonlyArray<Bundle.Bundle>
  /** Takes out all of these. */
  readonly remove: (isOut: (bundle: Bundle.Bundle) => boolean) => ReadonlyArray<Bundle.Bundle>
  /** Takes out everything; the next number is 0. */
  readonly clear: () => ReadonlyArray<Bundle.Bundle>
}

export const make = (): Sent => {
  let pieces: Array<Piece> = []
  let head = 0
  let entered = 0

  const replace = (from: number, to: number, left: ReadonlyArray<Piece>) => {
    if (from === head && left.length <= to - from) {
      // Out of the front, nothing has to be moved but what is left of the last one.
      head = to - left.length
      left.forEach((piece, index) => {
        pieces[head + index] = piece
      })
    } else pieces.splice(from, to - from, ...left)
    // Moving the rest costs as much as it is long, so it waits until that is worth it.
    if (head < pieces.length / 2) return
    pieces = pieces.slice(head)
    head = 0
  }
  const all = () => pieces.slice(head).map(({ bundle }) => bundle)
  return {
    enter: (bundle) => {
      pieces.push({ from: entered, bundle })
      entered += bundle.messages.length
    },
    take: (from, count) => {
      const start = find(pieces, head, from)
      const taken: Array<Bundle.Bundle> = []
      const left: Array<Piece> = []
      let at = start
      for (let next = from; next < from + count; at++) {
        const piece = pieces[at]
        if (piece === undefined || piece.from > next || endOf(piece) <= next) return undefined
        const end = Math.min(from + count, endOf(piece))
        if (piece.from < next) left.push(partOf(piece, piece.from, next))
        taken.push(partOf(piece, next, end).bundle)
        if (end < endOf(piece)) left.push(partOf(piece, end, endOf(piece)))
        next = end
      }
      replace(start, at, left)
      return taken
    },
    all,
    remove: (isOut) => {
      const out = all().filter(isOut)
      pieces = pieces.slice(head).filter(({ bundle }) => !isOut(bundle))
      head = 0
      return out
    },
    clear: () => {
      const bundles = all()
      pieces = []
      head = entered = 0
      return bundles
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Events in a row, and the number of the first. */
interface Piece {
  readonly from: number
  readonly bundle: Bundle.Bundle
}

const endOf = ({ bundle, from }: Piece): number => from + bundle.messages.length

const partOf = ({ bundle, from }: Piece, start: number, end: number): Piece => ({
  from: start,
  bundle: Bundle.part(bundle, start - from, end - from)
})

/** The first piece, from `head` on, that ends beyond a number. */
const find = (pieces: ReadonlyArray<Piece>, head: number, number: number): number => {
  let [low, high] = [head, pieces.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (endOf(pieces[middle]) <= number) low = middle + 1
    else high = middle
  }
  return low
}
