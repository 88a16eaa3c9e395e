/**
 * Many members in one process, on a network and a clock of their own: the same seed gives the same history.
 *
 * A packet is delivered after a delay or lost, a connection after a delay or never; a member may be stopped, which is not
 * to run; blocked, which is to run with a clogged network; and killed, which is not to answer.
 */
import type { Change, Port } from "../../src/internal/gossip/core/cluster.ts"
import type { Member } from "../../src/internal/gossip/core/members.ts"
import type { Settings } from "../../src/internal/gossip/core/settings.ts"
import * as Swim from "../../src/internal/gossip/core/swim.ts"
import * as Packet from "../../src/internal/gossip/wire/packet.ts"
import { isProblem } from "../../src/internal/gossip/wire/problem.ts"
import * as Steps from "../../src/internal/gossip/wire/steps.ts"
import * as Agenda from "./agenda.ts"
import * as Table from "./table.ts"

export interface Rules {
  readonly seed: number
  readonly settings: Settings
  /** The part of all packets that is lost. */
  readonly loss?: number
  /** Milliseconds of a packet on its way; it takes up to twice as long. */
  readonly delay?: number
  /** Hears of what becomes of members, where each inhabitant's own record is too long to look through. */
  readonly changed?: (inhabitant: Inhabitant, change: Change) => void
  /** Is told what the application of somebody hears, which is then not kept. */
  readonly heard?: (by: Inhabitant, payload: Uint8Array) => void
  /** Hears of what is sent. */
  readonly sent?: (inhabitant: Inhabitant, messages: ReadonlyArray<Uint8Array>) => void
}

export interface Inhabitant {
  readonly swim: Swim.Swim
  readonly changes: Array<readonly [at: number, change: Change]>
  readonly heard: Array<readonly [at: number, payload: Uint8Array]>
  /** Until when it does not run: what arrives waits. */
  stoppedUntil: number
  /** Until when nothing comes in or goes out: it waits, and the inhabitant runs. */
  blockedUntil: number
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
  /** Does something in so many milliseconds. */
  readonly in: (millis: number, run: () => void) => void
  /** Two compare all they know, if they reach each other. */
  readonly exchange: (one: Inhabitant, other: Inhabitant) => void
  /** Nothing passes between those for which it gives different answers. */
  partition: ((inhabitant: Inhabitant) => number) | undefined
}

const versions = { protocol: { min: 1, max: 5, current: 2 }, delegate: { min: 0, max: 0, current: 0 } }
const cluster: Packet.Cluster = { label: new Uint8Array(0), compresses: false }

/** An empty world; or one in which so many know each other already. */
export const make = (rules: Rules, count = 0): World => {
  const { delay = 0.5, loss = 0, seed, settings } = rules
  const random = luck(seed)
  const table = count === 0 ? undefined : Table.make(Array.from({ length: count }, (_, index) => memberOf(index)))
  const events = Agenda.make()
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
  /** Runs when something can come into the inhabitant, or go out of it. */
  const through = (inhabitant: Inhabitant, run: () => void): void => {
    if (inhabitant.blockedUntil > time) return events.add(inhabitant.blockedUntil, () => through(inhabitant, run))
    within(inhabitant, run)
  }
  const exchange = (one: Inhabitant, other: Inhabitant, isJoin: boolean): void => {
    const none = new Uint8Array(0)
    through(one, () =>
      later(() =>
        through(other, () => {
          if (!reach(one, other)) return
          const theirs = other.swim.state(isJoin, none)
          Steps.run(other.swim.merge(one.swim.state(isJoin, none)))
          later(() => through(one, () => void Steps.run(one.swim.merge(theirs))))
        })
      ))
  }
  const portOf = (self: () => Inhabitant): Port => ({
    clock: () => time,
    random,
    send: (to, messages, hasChecksum) => {
      const packet = Packet.write(cluster, messages, hasChecksum)
      self().packets++
      rules.sent?.(self(), messages)
      if (packet.length > settings.packetSize) throw new Error(`A packet of ${packet.length} bytes`)
      const target = byPort.get(to.port)
      if (!reach(self(), target) || random() < loss) return
      const from = { address: self().swim.self.address, port: self().swim.self.port }
      through(self(), () =>
        later(() =>
          through(target, () => {
            const read = Packet.read(cluster, packet)
            if (isProblem(read)) throw new Error(read.message)
            target.swim.receive(read, from)
          })
        ))
    },
    pingByStream: (member, sequence) => {
      const target = byPort.get(member.port)
      if (reach(self(), target)) {
        const answered = () => through(self(), () => self().swim.streamAnswered(sequence))
        through(self(), () => later(() => through(target, () => later(answered))))
      }
    },
    exchange: (member) => {
      const target = byPort.get(member.port)
      if (reach(self(), target)) exchange(self(), target, false)
    },
    changed: (change) => {
      if (rules.changed === undefined) self().changes.push([time, change])
      else rules.changed(self(), change)
    },
    heard: (payload) => {
      if (rules.heard === undefined) self().heard.push([time, payload])
      else rules.heard(self(), payload)
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
      const self = memberOf(inhabitants.length)
      const port = portOf(() => inhabitant)
      const inhabitant: Inhabitant = {
        swim: Swim.make(self, settings, port, Packet.overhead(cluster, 0), table?.view(random)),
        changes: [],
        heard: [],
        stoppedUntil: 0,
        blockedUntil: 0,
        isDead: false,
        packets: 0
      }
      inhabitants.push(inhabitant)
      byPort.set(self.port, inhabitant)
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
    in: (millis, run) => events.add(time + millis, run),
    exchange: (one, other) => {
      if (reach(one, other)) exchange(one, other, false)
    },
    partition: undefined
  }
  for (let index = 0; index < count; index++) world.spawn()
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

/** Numbers from 0 to 1 by a seed. */
export const luck = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = state + 0x6D2B_79F5 >>> 0
    let mixed = Math.imul(state ^ state >>> 15, 1 | state)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) / 4_294_967_296
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Who an inhabitant is, by number. Each has a port of its own. */
const memberOf = (index: number): Member => ({
  node: `node-${1000 + index}`,
  address: Uint8Array.of(10, 0, 0, 1),
  port: 1000 + index,
  meta: new Uint8Array(0),
  versions,
  incarnation: 1,
  state: "alive",
  changedAt: 0,
  suspicion: undefined
})
