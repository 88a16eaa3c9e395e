/**
 * One member alone with a test: every packet it sends is kept, and its clock goes only when it is told to.
 */
import type { Change, Port } from "../../src/internal/gossip/core/cluster.ts"
import * as Settings from "../../src/internal/gossip/core/settings.ts"
import * as Swim from "../../src/internal/gossip/core/swim.ts"
import type { Alive, Endpoint, IndirectPing, Message, Ping, Versions } from "../../src/internal/gossip/wire/messages.ts"
import * as Packet from "../../src/internal/gossip/wire/packet.ts"
import { isProblem } from "../../src/internal/gossip/wire/problem.ts"
import { makeLots } from "./lots.ts"

export interface Sent {
  readonly at: number
  /** The port of who it was sent to. */
  readonly to: number
  readonly messages: ReadonlyArray<Message>
  readonly bytes: number
}

export interface Lone {
  readonly swim: Swim.Swim
  readonly sent: Array<Sent>
  readonly changes: Array<readonly [at: number, change: Change]>
  /** Whom it pinged over a connection, and by which number. */
  readonly streamed: Array<readonly [node: string, sequence: number]>
  readonly heard: (...messages: ReadonlyArray<Message>) => void
  readonly now: () => number
  /** Lets time pass. `reply` answers each packet at once. */
  readonly run: (millis: number, reply?: (sent: Sent) => ReadonlyArray<Message>) => void
  /** Lets time pass without the member. */
  readonly stall: (millis: number) => void
}

export const versions: Versions = {
  protocol: { min: 1, max: 5, current: 2 },
  delegate: { min: 0, max: 0, current: 0 }
}

const cluster: Packet.Cluster = { label: new Uint8Array(0), compresses: false }
const address = Uint8Array.of(10, 0, 0, 1)

/** The member `me`, at port 1. */
export const make = (settings: Partial<Settings.Settings> = {}): Lone => {
  const lots = makeLots(7)
  const sent: Array<Sent> = []
  const changes: Lone["changes"] = []
  const streamed: Lone["streamed"] = []
  let time = 0
  const fresh: Array<Sent> = []
  const port: Port = {
    clock: () => time,
    random: () => lots.below(1_000_000) / 1_000_000,
    send: (to, written, hasChecksum) => {
      const packet = Packet.write(cluster, written, hasChecksum)
      const messages = Packet.read(cluster, packet)
      if (isProblem(messages)) throw new Error(messages.message)
      const one = { at: time, to: to.port, messages, bytes: packet.length }
      sent.push(one)
      fresh.push(one)
    },
    pingByStream: ({ node }, sequence) => streamed.push([node, sequence]),
    exchange: () => undefined,
    changed: (change) => changes.push([time, change]),
    heard: () => undefined
  }
  const self = { node: "me", address, port: 1, meta: new Uint8Array(0), versions }
  const swim = Swim.make(self, { ...Settings.lan, ...settings }, port, Packet.overhead(cluster, 0))
  return {
    swim,
    sent,
    changes,
    streamed,
    heard: (...messages) => swim.receive(messages, at(99)),
    now: () => time,
    run: (millis, reply = () => []) => {
      const end = time + millis
      for (;;) {
        for (const one of fresh.splice(0)) swim.receive(reply(one), at(one.to))
        const next = time + Math.max(0.1, swim.wait())
        if (next > end) break
        time = next
        swim.tick()
      }
      time = end
    },
    stall: (millis) => {
      time += millis
      swim.tick()
    }
  }
}

export const at = (port: number): Endpoint => ({ address, port })

/** News that `name` is there, at a port of its own. */
export const alive = (name: string, port: number, rest: Partial<Alive> = {}): Alive => ({
  _tag: "Alive",
  incarnation: 1,
  node: name,
  meta: new Uint8Array(0),
  versions,
  ...at(port),
  ...rest
})

export const suspect = (node: string, from: string, incarnation = 1): Message => ({
  _tag: "Suspect",
  node,
  from,
  incarnation
})

export const dead = (node: string, from: string, incarnation = 1): Message => ({
  _tag: "Dead",
  node,
  from,
  incarnation
})

/** Who answers every ping that it gets. */
export const acks = ({ messages }: Sent): ReadonlyArray<Message> =>
  messages.filter(isPing).map(({ sequence }) => ({ _tag: "Ack", sequence }))

export const isPing = (message: Message): message is Ping => message._tag === "Ping"

export const isIndirect = (message: Message): message is IndirectPing => message._tag === "IndirectPing"

/** A member that knows so many others, `m2` at port 2 and so on, and has told all its news. */
export const withOthers = (count: number, settings: Partial<Settings.Settings> = {}): Lone => {
  const lone = make(settings)
  for (let port = 2; port < count + 2; port++) lone.heard(alive(`m${port}`, port))
  lone.run(20_000, acks)
  return lone
}

export const stateOf = ({ swim }: Lone, node: string) => swim.get(node)?.state

export const tags = ({ changes }: Lone) => changes.map(([, { _tag }]) => _tag)

/** What was sent about a member since then. */
export const told = ({ sent }: Lone, since: number, tag: Message["_tag"], node: string) =>
  sent.filter(({ at, messages }) =>
    at >= since && messages.some((message) => message._tag === tag && "node" in message && message.node === node)
  )
