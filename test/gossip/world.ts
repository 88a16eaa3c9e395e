/**
 * Many members in one process, on a network and a clock of their own: the same seed gives the same history.
 *
 * A packet is delivered after a delay or lost, a connection after a delay or never; a member may be stopped, which is not
 * to run, and killed, which is not to answer.
 */
import type { Change, Port } from "../../src/internal/gossip/core/cluster.ts"
import type { Settings } from "../../src/internal/gossip/core/settings.ts"
import * as Swim from "../../src/internal/gossip/core/swim.ts"
import * as Packet from "../../src/internal/gossip/wire/packet.ts"
import { isProblem } from "../../src/internal/gossip/wire/problem.ts"

export interface Rules {
  readonly seed: number
  readonly settings: Settings
  /** The part of all packets that is lost. */
  readonly loss?: number
  /** Milliseconds of a packet on its way; it takes up to twice as long. */
  readonly delay?: number
}

export interface Inhabitant {
  readonly swim: Swim.Swim
  readonly changes: Array<readonly [at: number, change: Change]>
  readonly heard: Array<readonly [at: number, payload: Uint8Array]>
  /** Until when it does not run: what arrives waits. */
  stoppedUntil: number
  isDead: boolean
  packets: number
}

export interface World {
  readonly now: () => number
  readonly inhabitants: ReadonlyArray<Inhabitant>
  /** A new member that joins by way of another, if one is given. */
  readonly spawn: (by?: Inhabitant) => Inhabitant
  /** Lets time pass, or until something is so; returns how long that took. */
  readonly run: (millis: number, isDone?: () => boolean) => number
  /** Nothing passes between those for which it gives different answers. */
  partition: ((inhabitant: Inhabitant) => number) | undefined
}

const versions = { protocol: { min: 1, max: 5, current: 2 }, delegate: { min: 0, max: 0, current: 0 } }
const cluster: Packet.Cluster = { label: new Uint8Array(0), compresses: false }

export const make = ({ delay = 0.5, loss = 0, seed, settings }: Rules): World => {
  const random = luck(seed)
  const events = makeQueue()
  const inhabitants: Array<Inhabitant> = []
  const byPort = new Map<number, Inhabitant>()
  let time = 0

  const reach = (from: Inhabitant, to: Inhabitant | undefined): to is Inhabitant =>
    to !== undefined && !to.isDead && !from.isDead
    && (world.partition === undefined || world.partition(from) === world.partition(to))
  const later = (run: () => void) => events.add(time + delay * (1 + random()), run)
  /** Runs when the inhabitant does: what comes while it is stopped waits for it. */
  const within = (inhabitant: Inhabitant, run: () => void): void => {
    if (inhabitant.isDead) return
    if (inhabitant.stoppedUntil > time) return events.add(inhabitant.stoppedUntil, () => within(inhabitant, run))
    run()
  }
  const exchange = (one: Inhabitant, other: Inhabitant, isJoin: boolean): void => {
    const none = new Uint8Array(0)
    later(() =>
      within(other, () => {
        if (!reach(one, other)) return
        const theirs = other.swim.state(isJoin, none)
        other.swim.merge(one.swim.state(isJoin, none))
        later(() => within(one, () => one.swim.merge(theirs)))
      })
    )
  }
  const portOf = (self: () => Inhabitant): Port => ({
    clock: () => time,
    random,
    send: (to, messages, hasChecksum) => {
      const packet = Packet.write(cluster, messages, hasChecksum)
      self().packets++
      if (packet.length > settings.packetSize) throw new Error(`A packet of ${packet.length} bytes`)
      const target = byPort.get(to.port)
      if (!reach(self(), target) || random() < loss) return
      const from = { address: self().swim.self.address, port: self().swim.self.port }
      later(() =>
        within(target, () => {
          const read = Packet.read(cluster, packet)
          if (isProblem(read)) throw new Error(read.message)
          target.swim.receive(read, from)
        })
      )
    },
    pingByStream: (member, sequence) => {
      const target = byPort.get(member.port)
      if (reach(self(), target)) {
        later(() => within(target, () => later(() => within(self(), () => self().swim.streamAnswered(sequence)))))
      }
    },
    exchange: (member) => {
      const target = byPort.get(member.port)
      if (reach(self(), target)) exchange(self(), target, false)
    },
    changed: (change) => self().changes.push([time, change]),
    heard: (payload) => {
      self().heard.push([time, payload])
    }
  })
  const tick = (inhabitant: Inhabitant): void =>
    within(inhabitant, () => {
      inhabitant.swim.tick()
      events.add(time + Math.max(0.01, inhabitant.swim.wait()), () => tick(inhabitant))
    })

  const world: World = {
    now: () => time,
    inhabitants,
    spawn: (by) => {
      const port = 1000 + inhabitants.length
      const self = {
        node: `node-${port}`,
        address: Uint8Array.of(10, 0, 0, 1),
        port,
        meta: new Uint8Array(0),
        versions
      }
      const inhabitant: Inhabitant = {
        swim: Swim.make(self, settings, portOf(() => inhabitant), Packet.overhead(cluster, 0)),
        changes: [],
        heard: [],
        stoppedUntil: 0,
        isDead: false,
        packets: 0
      }
      inhabitants.push(inhabitant)
      byPort.set(port, inhabitant)
      if (by !== undefined) exchange(inhabitant, by, true)
      tick(inhabitant)
      return inhabitant
    },
    run: (millis, isDone = () => false) => {
      const start = time
      while (time < start + millis && !isDone()) {
        const event = events.next()
        if (event === undefined || event.at > start + millis) {
          if (event !== undefined) events.add(event.at, event.run)
          time = start + millis
          break
        }
        time = Math.max(time, event.at)
        event.run()
      }
      return time - start
    },
    partition: undefined
  }
  return world
}

/** A world in which everybody knows everybody. */
export const settled = (rules: Rules, count: number): World => {
  const world = make(rules)
  const first = world.spawn()
  for (let index = 1; index < count; index++) world.spawn(first)
  world.run(120_000, () => world.inhabitants.every(({ swim }) => swim.members().length === count))
  return world
}

// ---------------------------------------------------------------------------------------------------------------------

const luck = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = state + 0x6D2B_79F5 >>> 0
    let mixed = Math.imul(state ^ state >>> 15, 1 | state)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) / 4_294_967_296
  }
}

interface Event {
  readonly at: number
  readonly run: () => void
}

/** Events by time; those of the same time in the order that they were added. */
const makeQueue = () => {
  const heap: Array<Event & { readonly order: number }> = []
  let order = 0
  const isBefore = (one: number, other: number): boolean =>
    heap[one]!.at < heap[other]!.at || heap[one]!.at === heap[other]!.at && heap[one]!.order < heap[other]!.order
  const swap = (one: number, other: number): void => {
    const event = heap[one]!
    heap[one] = heap[other]!
    heap[other] = event
  }
  return {
    add: (at: number, run: () => void): void => {
      let index = heap.push({ at, run, order: order++ }) - 1
      while (index > 0 && isBefore(index, index - 1 >> 1)) {
        swap(index, index - 1 >> 1)
        index = index - 1 >> 1
      }
    },
    next: (): Event | undefined => {
      const [first] = heap
      const last = heap.pop()
      if (first === undefined || last === undefined || heap.length === 0) return first
      heap[0] = last
      for (let index = 0;;) {
        let least = index
        for (const below of [2 * index + 1, 2 * index + 2]) {
          if (below < heap.length && isBefore(below, least)) least = below
        }
        if (least === index) return first
        swap(index, least)
        index = least
      }
    }
  }
}
