/**
 * How a member finds its cluster, and finds it again after the network was cut in two.
 *
 * Members forget the dead after a while, so two halves of a cluster would stay halves. Each member goes on asking those
 * that it was told at the start, and those that it has lost.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Result from "effect/Result"
import type { Change } from "../core/cluster.ts"
import { isSameEndpoint } from "../core/verdicts.ts"
import type { Endpoint } from "../wire/messages.ts"
import * as Endpoints from "./endpoints.ts"
import type { Node } from "./node.ts"

export interface Joining {
  /** Open once somebody has answered, or nobody of those that could be asked did. */
  readonly known: Latch.Latch
  /** Takes note of who is lost, and who is back. */
  readonly changed: (change: Change) => void
  /** Asks until somebody has answered, and then goes on looking for those that are lost. */
  readonly run: Effect.Effect<never>
}

/** `join` are names with a port or without; `port` is that of those without. */
export const make = (
  node: Node,
  { join, port, settled }: {
    readonly join: ReadonlyArray<string>
    readonly port: number
    /** Done once after the first answers. */
    readonly settled: Effect.Effect<void>
  }
): Joining => {
  const known = Latch.makeUnsafe(join.length === 0)
  const lost = makeLost(node.now)

  const first = Effect.gen(function*() {
    for (let round = 0; join.length > 0; round++) {
      const problems = yield* Effect.forEach(join, (name) => Effect.tap(contact(node, name, port), welcome), all)
      yield* known.open
      if (problems.includes(undefined)) return
      const said = problems.map((problem, index) => `${join[index]}: ${problem}`).join("; ")
      if (round === 0) yield* Effect.logWarning(`Nobody of the gossip cluster answers, and is asked again. ${said}`)
      // Full jitter, so that a fleet that starts together does not ask together.
      yield* Effect.sleep(Math.max(shortest, node.random() * Math.min(longest, 500 * 2 ** round)))
    }
  })
  // Those that take their time to answer, or never do, keep nobody from what one of them has said.
  const welcome = (problem: string | undefined) =>
    problem === undefined ? Effect.andThen(settled, known.open) : Effect.void
  const again = Effect.gen(function*() {
    const { random, settings } = node
    const interval = Math.min(longest, settings.pushPullInterval)
    yield* Effect.sleep(interval * (0.5 + random() / 2))
    const one = lost.draw(random)
    // Whoever answers there now, the one that was lost is a member again or never will be.
    if (one !== undefined) yield* Effect.ignore(Effect.tap(node.exchange(one, true), () => lost.forget(one)))
    const name = join[Math.floor(random() * join.length)]
    if (name !== undefined) yield* contact(node, name, port)
  })
  return { known, changed: lost.changed, run: Effect.andThen(first, Effect.forever(again)) }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds between two rounds of asking. */
const shortest = 50
const longest = 30_000

const all = { concurrency: 8 }

/** Asks all that a name stands for, but those that are members already. Nothing where one of them answers, or why not. */
const contact = Effect.fnUntraced(function*(node: Node, name: string, port: number) {
  const resolved = yield* Effect.result(Endpoints.resolve(name, port))
  if (Result.isFailure(resolved)) return resolved.failure.message
  const problems = yield* Effect.forEach(resolved.success, (endpoint) => ask(node, endpoint), all)
  return problems.includes(undefined) ? undefined : problems[0] ?? "it stands for no address"
})

const ask = Effect.fnUntraced(function*(node: Node, endpoint: Endpoint) {
  const { members, self } = node.swim
  const member = members().find((member) => isSameEndpoint(member, endpoint))
  if (member === self) return oneself
  if (member?.state === "alive") return undefined
  const answer = yield* Effect.result(node.exchange(endpoint, true))
  if (Result.isFailure(answer)) return answer.failure.message
  // Whoever knows nobody but us is us, under another address.
  return answer.success.nodes.some((other) => other.node !== self.node) ? undefined : oneself
})

const oneself = "it is this member itself"

const mostLost = 1024

/** A day, after which nobody waits for a machine any more. */
const lostFor = 86_400_000

interface Lost extends Endpoint {
  readonly node: string
  readonly since: number
}

/** Those that did not answer, and have not said that they go. */
const makeLost = (now: () => number) => {
  const members = new Map<string, Lost>()
  return {
    changed: (change: Change): void => {
      if (!("member" in change)) return
      const { address, node, port } = change.member
      if (change._tag === "Failed") {
        members.set(node, { node, address, port, since: now() })
        if (members.size <= mostLost) return
        for (const oldest of members.keys()) return void members.delete(oldest)
      }
      if (change._tag === "Joined" || change._tag === "Left") members.delete(node)
    },
    forget: ({ node }: Lost) => Effect.sync(() => members.delete(node)),
    draw: (random: () => number): Lost | undefined => {
      for (const [node, { since }] of members) if (now() - since > lostFor) members.delete(node)
      return [...members.values()][Math.floor(random() * members.size)]
    }
  }
}
