/**
 * How long the event loop stands still when two members compare all they know.
 */
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import * as Swim from "../../src/internal/gossip/core/swim.ts"
import type { NodeState, PushPull } from "../../src/internal/gossip/wire/messages.ts"
import type * as Packet from "../../src/internal/gossip/wire/packet.ts"
import { isProblem } from "../../src/internal/gossip/wire/problem.ts"
import * as Steps from "../../src/internal/gossip/wire/steps.ts"
import * as Stream from "../../src/internal/gossip/wire/stream.ts"
import * as World from "../../test/gossip/world.ts"
import { median, type Row } from "./figures.ts"

const none = new Uint8Array(0)

/** With all that a cluster may ask for: it is what takes longest. */
const cluster = (): Packet.Cluster => {
  let count = 0
  return {
    label: none,
    compresses: true,
    keyring: { keys: [new Uint8Array(32)], nonce: () => new Uint8Array(12).fill(count++) }
  }
}

/** Milliseconds that this thread has worked: what others do on the machine does not count. */
const busy = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1000
}

/** A member that does nothing by itself. */
const member = (node: string): Swim.Swim => {
  const nothing = () => undefined
  return Swim.make({ ...stateOf(node, 1), meta: none }, Settings.lan, {
    clock: () => 0,
    random: World.luck(1),
    send: nothing,
    pingByStream: nothing,
    exchange: nothing,
    changed: nothing,
    heard: nothing
  }, 0)
}

const stateOf = (node: string, port: number): NodeState => ({
  node,
  address: Uint8Array.of(10, 0, 0, 1),
  port,
  incarnation: 1,
  meta: new Uint8Array(40).fill(port),
  state: "alive",
  versions: { protocol: { min: 1, max: 5, current: 2 }, delegate: { min: 0, max: 0, current: 0 } }
})

/** Milliseconds of the longest step and of all of them, from telling to having taken in. */
export const run = (members: number): { readonly longest: number; readonly total: number } => {
  const [one, other] = [member("one"), member("other")]
  const nodes = Array.from({ length: members - 1 }, (_, index) => stateOf(`member-${index}`, 1000 + index))
  Steps.run(one.merge({ _tag: "PushPull", isJoin: false, nodes, userState: none }))
  const way = cluster()
  let longest = 0
  let total = 0
  const step = <A>(work: () => A): A => {
    const start = busy()
    const result = work()
    const took = busy() - start
    longest = Math.max(longest, took)
    total += took
    return result
  }
  const all = <A>(steps: Steps.Steps<A>): A => {
    for (;;) {
      const next = step(() => steps.next())
      if (next.done === true) return next.value
    }
  }
  const told = step(() => one.state(true, none))
  const bytes = all(Stream.writing(way, told, true))
  const reader = Stream.makeReader(way, true)
  let read: unknown
  // As a socket brings it.
  for (let at = 0; at < bytes.length; at += 65_536) read = all(reader(bytes.subarray(at, at + 65_536)))
  if (isProblem(read)) throw new Error(read.message)
  all(other.merge(read as PushPull))
  if (other.members().length !== members + 1) throw new Error("Not all were taken in")
  return { longest, total }
}

export const row = (members: number): Row => {
  // The first runs are those of code that nobody has run before.
  const runs = Array.from({ length: 7 }, () => run(members))
  const longest = median(runs.map(({ longest }) => longest))
  return {
    what: "the loop stands still when all is compared",
    members,
    measured: `${longest.toFixed(1)} ms at most, of ${median(runs.map(({ total }) => total)).toFixed(0)}; ${
      Math.max(...runs.map(({ longest }) => longest)).toFixed(1)
    } in the worst run`,
    goal: "20 ms",
    isMet: longest <= 20
  }
}
