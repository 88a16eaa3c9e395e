/**
 * News that a member passes on: each piece in so many packets, the least told first, and of two about the same member
 * only the newer one.
 */
import * as Tiers from "./tiers.ts"

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
  const byMember = new Map<string, Tiers.News>()
  const end = (news: Tiers.News): void => {
    if (news.about !== undefined && byMember.get(news.about) === news) byMember.delete(news.about)
  }
  const cluster = Tiers.make(end)
  const application = Tiers.make(end)
  return {
    tell: (about, bytes) => {
      const older = byMember.get(about)
      if (older !== undefined) cluster.cancel(older)
      const news = { bytes, about, isOver: false }
      byMember.set(about, news)
      cluster.add(news)
    },
    carry: (bytes) => application.add({ bytes, about: undefined, isOver: false }),
    take: (room, overhead, most, limit) => {
      const parcel: Tiers.Parcel = { taken: [], room, most, overhead }
      cluster.take(parcel, limit)
      application.take(parcel, limit)
      return parcel.taken
    },
    size: () => cluster.size() + application.size()
  }
}
