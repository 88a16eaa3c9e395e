/**
 * News that a member passes on: each piece in so many packets, the least told first, and of two about the same member
 * only the newer one.
 */

/** A message that is written already. */
export interface News {
  readonly bytes: Uint8Array
  /** Who it is about. News of the application is about nobody. */
  readonly about: string | undefined
  isOver: boolean
}

export interface Queue {
  /** Of the cluster itself, about a member. */
  readonly tell: (about: string, bytes: Uint8Array) => void
  /** Of the application. It goes out where there is room beside news of the cluster. */
  readonly carry: (bytes: Uint8Array) => void
  /** At most so many pieces that fit into so many bytes, each costing `overhead` more; no piece more than `limit` times. */
  readonly take: (room: number, overhead: number, most: number, limit: number) => ReadonlyArray<Uint8Array>
  readonly size: () => number
}

export const make = (): Queue => {
  const byMember = new Map<string, News>()
  const cluster = makeTiers()
  const application = makeTiers()
  return {
    tell: (about, bytes) => {
      const older = byMember.get(about)
      if (older !== undefined) older.isOver = true
      const news = { bytes, about, isOver: false }
      byMember.set(about, news)
      cluster.add(news)
    },
    carry: (bytes) => application.add({ bytes, about: undefined, isOver: false }),
    take: (room, overhead, most, limit) => {
      const parcel: Parcel = { taken: [], room, most, overhead }
      const forget = (news: News): void => {
        if (news.about !== undefined && byMember.get(news.about) === news) byMember.delete(news.about)
      }
      cluster.take(parcel, limit, forget)
      application.take(parcel, limit, forget)
      return parcel.taken
    },
    size: () => cluster.size() + application.size()
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** More is not kept waiting; what was told most often goes first. */
const maxWaiting = 65_536

/** How many pieces are looked at for one that fits. */
const maxLooks = 64

/** Pieces by how often they were told. */
const makeTiers = () => {
  const tiers: Array<Array<News>> = []
  let count = 0
  const put = (tier: number, news: News): void => {
    while (tiers.length <= tier) tiers.push([])
    tiers[tier]!.push(news)
  }
  return {
    size: () => count,
    add: (news: News): void => {
      put(0, news)
      count++
      if (count > maxWaiting) {
        const oldest = tiers.findLast((tier) => tier.length > 0)?.shift()
        if (oldest !== undefined) oldest.isOver = true
        count--
      }
    },
    take: (parcel: Parcel, limit: number, end: (news: News) => void): void => {
      const told: Array<readonly [times: number, news: News]> = []
      for (const [times, list] of tiers.entries()) {
        for (const news of pick(list, parcel)) {
          if (news.isOver) count--
          else told.push([times + 1, news])
        }
      }
      for (const [times, news] of told) {
        if (times < limit) put(times, news)
        else {
          end(news)
          count--
        }
      }
    }
  }
}

/** A packet that is being filled. */
interface Parcel {
  readonly taken: Array<Uint8Array>
  readonly most: number
  readonly overhead: number
  room: number
}

/** Moves what fits from a tier into a parcel, the newest first; what is over goes, too. Returns all that has gone. */
const pick = (list: Array<News>, parcel: Parcel): ReadonlyArray<News> => {
  const picked: Array<News> = []
  let looks = 0
  for (let index = list.length - 1; index >= 0 && looks < maxLooks; index--) {
    const news = list[index]!
    const size = news.bytes.length + parcel.overhead
    if (!news.isOver && (size > parcel.room || parcel.taken.length === parcel.most)) {
      looks++
      continue
    }
    list.splice(index, 1)
    picked.push(news)
    if (news.isOver) continue
    parcel.taken.push(news.bytes)
    parcel.room -= size
  }
  return picked
}
