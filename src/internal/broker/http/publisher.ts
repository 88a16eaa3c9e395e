/**
 * The publishers' end: each event to every party that listens, and what each of them has decided.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import { BrokerError, Undelivered } from "../../../BrokerError.ts"
import type { Message, Receipt } from "../../../Message.ts"
import type { Instance, Registry } from "../../../Registry.ts"
import type { Selector } from "../../../Selector.ts"
import type * as Connections from "../../connections.ts"
import * as Wheel from "../../wheel.ts"
import * as Members from "./members.ts"
import type * as Outbox from "./outbox.ts"
import * as Parcel from "./parcel.ts"
import * as Post from "./post.ts"
import * as Carrying from "./stream.ts"
import type * as Way from "./way.ts"

export interface Publisher {
  readonly publish: (topic: string, messages: ReadonlyArray<Message>) => Effect.Effect<Receipt, BrokerError>
}

export interface Options {
  readonly members: Members.Members
  readonly registry: Registry["Service"]
  readonly selector: Selector["Service"]
  readonly connections: Connections.Connections
  readonly bounds: Outbox.Bounds
  /** How long events may take to be accepted, in milliseconds. */
  readonly timeout: number
}

/** A publisher; what it carries ends with the scope. */
export const make = (options: Options): Effect.Effect<Publisher, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { bounds, connections, members, registry, timeout } = options
    const scope = yield* Effect.scope
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const wheel = yield* Wheel.make
    const posts = new Map<string, Post.Post>()

    const postOf = (subscriber: Instance): Post.Post => {
      const found = posts.get(subscriber.id)
      if (found !== undefined) return found
      const made = Post.make(subscriber, office, () => void posts.delete(subscriber.id))
      posts.set(subscriber.id, made)
      return made
    }
    const office: Way.Office = {
      connect: connections.get,
      carry: (way) => Members.isOurs(way.subscriber) ? Carrying.carry(way) : goMicro(way),
      isListed: members.isListed,
      doubt: registry.doubt,
      bounds,
      fork: (effect) => void Fiber.runIn(run(effect), scope),
      hasOthers: (subscriber) => members.peers(subscriber).some(({ id }) => id !== subscriber.id),
      move: (items, subscriber) => {
        const others = members.peers(subscriber).filter(({ id }) => id !== subscriber.id)
        office.fork(give(others, items))
      }
    }
    const give = (peers: ReadonlyArray<Instance>, items: ReadonlyArray<Parcel.Item>): Effect.Effect<void> =>
      peers.length === 1
        ? Effect.sync(() => postOf(peers[0]).offer(items))
        : Effect.forEach(sharesOf(items), (share) =>
          Effect.map(
            choose(options.selector, peers, share, (id) => posts.get(id)?.isFailing() === true),
            (peer) => postOf(peer).offer(share)
          ), { discard: true })

    return {
      publish: (topic, messages) => {
        const parties = messages.length === 0 ? none : members.parties(topic)
        if (parties.size === 0) {
          return Effect.succeed({ acceptedBy: [] })
        }
        let open = parties.size
        let done: (() => void) | undefined
        const settled = () => {
          if (--open === 0) done?.()
        }
        const parcels = [...parties.keys()].map((party) => Parcel.make(party, messages, settled))
        const withdraw = (problem: string) => {
          for (const parcel of parcels) if (!parcel.isOver()) parcel.withdraw(problem)
          for (const peers of parties.values()) for (const { id } of peers) posts.get(id)?.sweep()
        }
        const waiting = Effect.callback<void>((resume) => {
          if (open === 0) return resume(Effect.void)
          const entry = wheel.add(timeout, () => withdraw(`it was not accepted within ${timeout} ms`))
          done = () => {
            wheel.remove(entry)
            resume(Effect.void)
          }
          return Effect.sync(() => wheel.remove(entry))
        })
        const giving = Effect.forEach(parcels, ({ items, party }) => give(parties.get(party)!, items), {
          discard: true
        })
        return Effect.andThen(giving, waiting).pipe(
          Effect.onInterrupt(() => Effect.sync(() => withdraw("its publisher has gone"))),
          Effect.andThen(Effect.suspend(() => outcome(topic, parcels)))
        )
      }
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** Loaded where one of them is found, as is the client of HTTP that it needs. */
const goMicro = (way: Way.Way) =>
  Effect.flatMap(Effect.promise(() => import("./goMicroPost.ts")), ({ carry }) => carry(way))

const none: Members.Parties = new Map()

/** Events of one publishing that go to the same member of a group. */
const shareSize = 32

const sharesOf = (items: ReadonlyArray<Parcel.Item>): ReadonlyArray<ReadonlyArray<Parcel.Item>> =>
  Array.from(
    { length: Math.ceil(items.length / shareSize) },
    (_, index) => items.slice(index * shareSize, (index + 1) * shareSize)
  )

/** A member by the selector's choice, and by lot while the selector does not know of any. */
const choose = (
  selector: Selector["Service"],
  peers: ReadonlyArray<Instance>,
  items: ReadonlyArray<Parcel.Item>,
  isFailing: (id: string) => boolean
): Effect.Effect<Instance> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    const avoid = new Set(peers.map(({ id }) => id).filter(isFailing))
    const ids = new Set(peers.map(({ id }) => id))
    const keep = ({ id }: Instance) => ids.has(id)
    return Effect.matchEffect(selector.select(Members.service, scope, { keep, avoid }), {
      onSuccess: (peer) => {
        lend(items, scope)
        return Effect.succeed(peer)
      },
      onFailure: () => Effect.map(Random.nextIntBetween(0, peers.length - 1), (index) => peers[index])
    })
  })

const lend = (items: ReadonlyArray<Parcel.Item>, scope: Scope.Closeable): void => {
  let open = items.length
  const close = (exit: Exit.Exit<void, unknown>) => {
    const closing = Scope.closeUnsafe(scope, exit)
    if (closing !== undefined) Effect.runSync(closing)
  }
  const lease: Parcel.Lease = {
    settled: () => {
      if (--open === 0) close(Exit.void)
    },
    failed: (problem) => {
      open = 0
      close(Exit.fail(problem))
    }
  }
  for (const item of items) item.lease = lease
}

const outcome = (topic: string, parcels: ReadonlyArray<Parcel.Parcel>): Effect.Effect<Receipt, BrokerError> => {
  const acceptedBy = parcels.filter((parcel) => parcel.isAccepted()).map(({ party }) => party).toSorted()
  const refusals = parcels.flatMap((parcel) => parcel.refusals())
  return refusals.length === 0
    ? Effect.succeed({ acceptedBy })
    : Effect.fail(new BrokerError({ reason: new Undelivered({ topic, acceptedBy, refusals }) }))
}
