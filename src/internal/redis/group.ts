/** The consumer group of a subscription, and what its members ask of it. */
import type { Buffer } from "node:buffer"
import * as Entries from "./entries.ts"
import type { Link, Reply } from "./link.ts"

/** One member of a group at a stream. */
export interface Member {
  readonly key: string
  readonly group: string
  readonly consumer: string
}

/** Who takes what members give back that leave: nobody, for the next one to claim. */
export const returned = "returned"

/** Makes the group, which begins behind a place of the stream; one that is there stays as it is. */
export const create = (link: Link, { group, key }: Member, from: string): Promise<unknown> =>
  link.send(["XGROUP", "CREATE", key, group, from, "MKSTREAM"]).catch((cause: unknown) => {
    if (!(cause instanceof Error && cause.message.startsWith("BUSYGROUP"))) throw cause
  })

/** Waits for new entries on a connection that does nothing else, in milliseconds. */
export const read = (reader: Link, { consumer, group, key }: Member, most: number, millis: number): Promise<Reply> =>
  reader.send(
    ["XREADGROUP", "GROUP", group, consumer, "COUNT", String(most), "BLOCK", String(millis), "STREAMS", key, ">"]
  )

/** The entries of what was read of one stream. */
export const entriesOf = (reply: Reply): Reply =>
  (reply as ReadonlyArray<readonly [Buffer, Reply]> | null)?.[0]?.[1] ?? null

/** Entries of which nothing was heard for so long, from a cursor on; with the next cursor. */
export const claim = (
  link: Link,
  { consumer, group, key }: Member,
  idleMillis: number,
  cursor: string,
  most: number
): Promise<{ readonly cursor: string; readonly entries: ReadonlyArray<Entries.Held> }> =>
  link.send(["XAUTOCLAIM", key, group, consumer, String(idleMillis), cursor, "COUNT", String(most)]).then((reply) => {
    const [next, found] = reply as readonly [Buffer, Reply]
    const entries = Entries.reader()(found).map((entry) =>
      link.send(["XPENDING", key, group, entry.place, entry.place, "1"]).then(
        (pending): Entries.Held => ({
          ...entry,
          attempt: (pending as ReadonlyArray<ReadonlyArray<number>>)[0]?.[3] ?? 1
        })
      )
    )
    return Promise.all(entries).then((entries) => ({ cursor: String(next), entries }))
  })

/** Forgets a member that has nothing in hand any more: one that had would take it along. */
export const forget = (link: Link, { consumer, group, key }: Member): Promise<unknown> =>
  link.send(["XPENDING", key, group, "-", "+", "1", consumer]).then((pending) =>
    (pending as ReadonlyArray<unknown>).length === 0
      ? link.send(["XGROUP", "DELCONSUMER", key, group, consumer])
      : undefined
  )

export const destroy = (link: Link, { group, key }: Member): Promise<unknown> =>
  link.send(["XGROUP", "DESTROY", key, group])
