/**
 * Pieces of news by how often they were told: the least told first, of those the largest that fits, of those the newest.
 */

/** A message that is written already. */
export interface News {
  readonly bytes: Uint8Array
  /** Who it is about. News of the application is about nobody. */
  readonly about: string | undefined
  isOver: boolean
}

/** A packet that is being filled. */
export interface Parcel {
  readonly taken: Array<Uint8Array>
  readonly most: number
  /** Bytes that each piece costs beside its own. */
  readonly overhead: number
  room: number
}

export interface Tiers {
  readonly add: (news: News) => void
  /** There is something newer. */
  readonly cancel: (news: News) => void
  /** Moves what fits into a parcel. What was told `limit` times then is over. */
  readonly take: (parcel: Parcel, limit: number) => void
  /** How many are to be told. */
  readonly size: () => number
}

/** No news. `end` hears of each piece that is over: told often enough, overtaken, or gone to make room. */
export const make = (end: (news: News) => void): Tiers => {
  const tiers: Array<Tier> = []
  let count = 0
  /** How many are over and may still lie about. */
  let cancelled = 0
  const put = (times: number, news: News): void => {
    while (tiers.length <= times) tiers.push([])
    shelfOf(tiers[times]!, news.bytes.length).pieces.push(news)
  }
  const finish = (news: News): void => {
    news.isOver = true
    count--
    end(news)
  }
  const sweep = (): void => {
    for (const tier of tiers) {
      for (const shelf of tier) shelf.pieces = shelf.pieces.filter(({ isOver }) => !isOver)
    }
    cancelled = 0
  }
  return {
    size: () => count,
    cancel: (news) => {
      if (news.isOver) return
      finish(news)
      if (++cancelled > maxWaiting) sweep()
    },
    add: (news) => {
      const most = count < maxWaiting ? undefined : mostTold(tiers)
      if (most !== undefined) finish(most)
      put(0, news)
      count++
    },
    take: (parcel, limit) => {
      const told: Array<readonly [times: number, news: News]> = []
      for (const [times, tier] of tiers.entries()) {
        for (const news of pick(tier, parcel)) told.push([times + 1, news])
      }
      for (const [times, news] of told) {
        if (times < limit) put(times, news)
        else finish(news)
      }
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** More is not kept waiting; what was told most often goes first. */
const maxWaiting = 65_536

/** Pieces of one length, the newest last. */
interface Shelf {
  readonly length: number
  pieces: Array<News>
}

/** The shortest first. No packet is longer than some thousand bytes, so neither is this. */
type Tier = Array<Shelf>

const shelfOf = (tier: Tier, length: number): Shelf => {
  let low = 0
  let high = tier.length
  while (low < high) {
    const middle = low + high >> 1
    if (tier[middle]!.length < length) low = middle + 1
    else high = middle
  }
  if (tier[low]?.length !== length) tier.splice(low, 0, { length, pieces: [] })
  return tier[low]!
}

/** Moves what fits from a tier into a parcel, and returns it. */
const pick = (tier: Tier, parcel: Parcel): ReadonlyArray<News> => {
  const picked: Array<News> = []
  for (let index = tier.length - 1; index >= 0; index--) {
    const { length, pieces } = tier[index]!
    while (length + parcel.overhead <= parcel.room && parcel.taken.length < parcel.most) {
      const news = pieces.pop()
      if (news === undefined) break
      if (news.isOver) continue
      picked.push(news)
      parcel.taken.push(news.bytes)
      parcel.room -= length + parcel.overhead
    }
    if (pieces.length === 0) tier.splice(index, 1)
  }
  return picked
}

/** Takes away one that was told most often. */
const mostTold = (tiers: ReadonlyArray<Tier>): News | undefined => {
  for (const tier of tiers.toReversed()) {
    for (const { pieces } of tier) {
      for (let news = pieces.pop(); news !== undefined; news = pieces.pop()) if (!news.isOver) return news
    }
  }
  return undefined
}
