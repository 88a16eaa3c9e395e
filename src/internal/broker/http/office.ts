/**
 * Where a publisher's events are sorted: to the post of each subscriber, and within a group to the member that is chosen.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import type { Instance, Registry } from "../../../Registry.ts"
import type { Selector } from "../../../Selector.ts"
import type * as Connections from "../../connections.ts"
import * as Bundle from "./bundle.ts"
import * as Members from "./members.ts"
import type * as Outbox from "./outbox.ts"
import * as Post from "./post.ts"
import * as Carrying from "./stream.ts"
import type * as Way from "./way.ts"

export interface Options {
  readonly members: Members.Members
  readonly registry: Registry["Service"]
  readonly selector: Selector["Service"]
  readonly connections: Connections.Connections
  readonly bounds: Outbox.Bounds
}

export interface Office {
  /** Gives events to one of those who share them. Those who have no peers get them within this call. */
  readonly give: (peers: ReadonlyArray<Instance>, bundles: ReadonlyArray<Bundle.Bundle>) => Effect.Effect<void>
  /** Forgets events that nobody waits for any more. */
  readonly sweep: (peers: ReadonlyArray<Instance>) => void
}

/** An office; its posts end with the scope. */
export const make = ({ bounds, connections, members, registry, selector }: Options): Effect.Effect<
  Office,
  never,
  Scope.Scope
> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const run = Effect.runForkWith(yield* Effect.context<never>())
    const posts = new Map<string, Post.Post>()

    const postOf = (subscriber: Instance): Post.Post => {
      const found = posts.get(subscriber.id)
      if (found !== undefined) return found
      for (const [id, post] of posts) if (post.isIdle() && !members.isListed(post.subscriber)) posts.delete(id)
      const made = Post.make(subscriber, ways, () => void posts.delete(subscriber.id))
      posts.set(subscriber.id, made)
      return made
    }
    const othersThan = (subscriber: Instance) => members.peers(subscriber).filter(({ id }) => id !== subscriber.id)
    const ways: Way.Office = {
      connect: connections.get,
      carry: (way) => Members.isOurs(way.subscriber) ? Carrying.carry(way) : goMicro(way),
      isListed: members.isListed,
      doubt: registry.doubt,
      bounds,
      fork: (effect) => void Fiber.runIn(run(effect), scope),
      hasOthers: (subscriber) => othersThan(subscriber).length > 0,
      move: (bundles, subscriber) => ways.fork(give(othersThan(subscriber), bundles))
    }
    const isFailing = (id: string) => posts.get(id)?.isFailing() === true
    const share = (peers: ReadonlyArray<Instance>) => (bundle: Bundle.Bundle) =>
      Effect.map(choose(selector, peers, bundle, isFailing), ({ lent, peer }) => postOf(peer).offer([lent]))
    const give: Office["give"] = (peers, bundles) =>
      peers.length === 1
        ? Effect.sync(() => postOf(peers[0]).offer(bundles))
        : Effect.forEach(bundles.flatMap((bundle) => Bundle.split(bundle, shareSize)), share(peers), { discard: true })
    return {
      give,
      sweep: (peers) => {
        for (const { id } of peers) posts.get(id)?.sweep()
      }
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** Loaded where one of them is found, as is the client of HTTP that it needs. */
const goMicro = (way: Way.Way) =>
  Effect.flatMap(Effect.promise(() => import("./goMicroPost.ts")), ({ carry }) => carry(way))

/** Events of one publishing that go to the same member of a group. */
const shareSize = 32

interface Choice {
  readonly peer: Instance
  /** The bundle, with the lease of the member. */
  readonly lent: Bundle.Bundle
}

/** A member by the selector's choice, and by lot while the selector does not know of any. */
const choose = (
  selector: Selector["Service"],
  peers: ReadonlyArray<Instance>,
  bundle: Bundle.Bundle,
  isFailing: (id: string) => boolean
): Effect.Effect<Choice> =>
  Effect.suspend(() => {
    const scope = Scope.makeUnsafe()
    const avoid = new Set(peers.map(({ id }) => id).filter(isFailing))
    const ids = new Set(peers.map(({ id }) => id))
    const keep = ({ id }: Instance) => ids.has(id)
    return Effect.matchEffect(selector.select(Members.service, scope, { keep, avoid }), {
      onSuccess: (peer) => Effect.succeed({ peer, lent: { ...bundle, lease: leaseOf(bundle, scope) } }),
      onFailure: () =>
        Effect.map(Random.nextIntBetween(0, peers.length - 1), (index) => ({ peer: peers[index], lent: bundle }))
    })
  })

const leaseOf = ({ messages }: Bundle.Bundle, scope: Scope.Closeable): Bundle.Lease => {
  let open = messages.length
  const close = (exit: Exit.Exit<void, unknown>) => {
    const closing = Scope.closeUnsafe(scope, exit)
    if (closing !== undefined) Effect.runSync(closing)
  }
  return {
    settled: (events) => {
      open -= events
      if (open === 0) close(Exit.void)
    },
    failed: (problem) => {
      open = 0
      close(Exit.fail(problem))
    }
  }
}
