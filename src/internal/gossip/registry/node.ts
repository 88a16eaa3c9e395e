/**
 * A member of a cluster with a wire: sockets, a timer and luck for the rules of `core/`.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { now } from "../../wheel.ts"
import type { Change, Port as Way } from "../core/cluster.ts"
import { isGone, type Member } from "../core/members.ts"
import { carried } from "../core/packets.ts"
import * as Settings from "../core/settings.ts"
import * as Swim from "../core/swim.ts"
import type { Endpoint, PushPull, Range, StreamMessage } from "../wire/messages.ts"
import * as Packet from "../wire/packet.ts"
import { isProblem } from "../wire/problem.ts"
import * as Complaints from "./complaints.ts"
import * as Dialogue from "./dialogue.ts"
import * as Endpoints from "./endpoints.ts"
import * as Port from "./port.ts"
import * as Streams from "./streams.ts"
import * as Turns from "./turns.ts"

/** What a cluster carries for whoever lives above it. */
export interface Application {
  /** News has come, for the first time or again; in a packet from there, or over a connection. */
  readonly heard: (payload: Uint8Array, from?: Endpoint) => void
  /** A member came, went or changed. */
  readonly changed: (change: Change) => void
  /** What is told to somebody who is asked to compare all that both know. */
  readonly question: () => Uint8Array
  /** What is told to somebody who asks. */
  readonly answer: (question: Uint8Array) => Uint8Array
  /** Takes in what came of a question. */
  readonly answered: (answer: Uint8Array, by: Endpoint) => Effect.Effect<void>
  /** Whether a member tells what it knows to those only that join. */
  readonly isGuest: (member: Member) => boolean
  /** Says what has to be said before the member takes its leave. */
  readonly leaving: Effect.Effect<void>
}

export interface Options {
  readonly node: string
  readonly meta: Uint8Array
  /** The versions of the application. */
  readonly delegate: Range
  readonly host: string
  readonly port: number
  /** The address that others are told. */
  readonly advertise: Uint8Array
  readonly settings: Settings.Settings
  readonly cluster: Packet.Cluster
}

export interface Node {
  readonly swim: Swim.Swim
  readonly settings: Settings.Settings
  readonly complaints: Complaints.Complaints
  /** Bytes of the longest piece of news that a packet holds. */
  readonly room: number
  /** Runs something until it is done or the node is gone. */
  readonly run: (effect: Effect.Effect<unknown>) => void
  /** Milliseconds of a clock that never goes back, and luck from 0 to 1. */
  readonly now: () => number
  readonly random: () => number
  /** Compares all that both know; fails where they cannot be reached, or are of another cluster. */
  readonly exchange: (other: Endpoint, isJoin: boolean) => Effect.Effect<PushPull, Streams.StreamFailed>
  /** Tells one member something of the application, however long it is. */
  readonly tell: (to: Endpoint, payload: Uint8Array) => Effect.Effect<void, Streams.StreamFailed>
  /** Tells one member something of the application in a packet, which may be lost. */
  readonly send: (to: Endpoint, payload: Uint8Array) => void
  /** Is a member for an application until the scope closes, and then takes its leave. */
  readonly serve: (application: Application) => Effect.Effect<void, never, Scope.Scope>
}

/** A member that listens until the scope closes. It knows nobody, and does nothing before it serves an application. */
export const make = (options: Options): Effect.Effect<Node, Port.CannotBind, Scope.Scope> =>
  Effect.gen(function*() {
    const clock = yield* Clock.Clock
    const random = yield* Random.Random
    const run = yield* FiberSet.makeRuntime<never>()
    const { advertise, cluster, delegate, meta, settings } = options
    const complaints = Complaints.make(run)
    const dialogue = Dialogue.make(cluster, settings.streamTimeout)
    let application = silent
    const port = yield* Port.open(options)
    const self = { node: options.node, address: advertise, port: port.number, meta, versions: { protocol, delegate } }
    const way: Way = {
      clock: () => now(clock),
      random: () => random.nextDoubleUnsafe(),
      send: (to, messages, hasChecksum) => port.send(to, Packet.write(cluster, messages, hasChecksum)),
      pingByStream: (member, sequence) => void run(Effect.ignore(ping(node, dialogue, member, sequence))),
      exchange: (member) => void run(Effect.ignore(node.exchange(member, application.isGuest(member)))),
      changed: (change) => {
        complaints.changed(change)
        application.changed(change)
      },
      heard: (payload, from) => application.heard(payload, from)
    }
    const node: Node = {
      swim: Swim.make(self, settings, way, Packet.overhead(cluster, 0)),
      settings,
      complaints,
      room: settings.packetSize - Packet.overhead(cluster, 1) - 1,
      run: (effect) => void run(effect),
      now: way.clock,
      random: way.random,
      exchange: (other, isJoin) => exchange(node, application, dialogue, other, isJoin),
      tell: (to, payload) => dialogue.tell(to, { _tag: "User", payload }),
      send: (to, payload) => way.send(to, [carried(payload)], false),
      serve: Effect.fnUntraced(function*(served) {
        application = served
        yield* Effect.forkScoped(ticking(node.swim))
        // The timer runs on until others have heard of it: what is added last is done first.
        yield* Effect.addFinalizer(() => leave(node, application))
      })
    }
    port.listen({
      packet: (bytes, from) => {
        const messages = Packet.read(cluster, bytes)
        if (isProblem(messages)) complaints.unreadable(messages, from)
        else node.swim.receive(messages, from)
      },
      connection: (socket) => {
        // How a connection ended is of no interest: what was said on it counts.
        socket.on("error", () => undefined)
        const heard = (message: StreamMessage) => answer(node, application, message)
        run(dialogue.serve(socket, { heard, unreadable: complaints.unreadable }))
      }
    })
    return node
  })

// ---------------------------------------------------------------------------------------------------------------------

const protocol: Range = { min: 1, max: 5, current: 2 }

const nothing = new Uint8Array(0)

const silent: Application = {
  heard: () => undefined,
  changed: () => undefined,
  question: () => nothing,
  answer: () => nothing,
  answered: () => Effect.void,
  isGuest: () => false,
  leaving: Effect.void
}

/** Something is due every `gossipInterval` at the latest, and nothing that comes in makes anything due before that. */
const ticking = (swim: Swim.Swim): Effect.Effect<never> =>
  Effect.suspend(() => {
    swim.tick()
    return Effect.sleep(Math.max(1, swim.wait()))
  }).pipe(Effect.forever)

const exchange = Effect.fnUntraced(function*(
  { swim }: Node,
  application: Application,
  dialogue: Dialogue.Dialogue,
  other: Endpoint,
  isJoin: boolean
): Effect.fn.Return<PushPull, Streams.StreamFailed> {
  const answer = yield* dialogue.ask(other, swim.state(isJoin, application.question()))
  const failed = (problem: string) =>
    new Streams.StreamFailed({ to: Endpoints.format(other), cause: new Error(problem) })
  if (answer._tag !== "PushPull") {
    return yield* failed(answer._tag === "Refusal" ? answer.message : "it said something else")
  }
  const problem = yield* Turns.spread(swim.merge(answer))
  if (problem !== undefined) return yield* failed(problem)
  yield* application.answered(answer.userState, other)
  return answer
})

const ping = Effect.fnUntraced(function*(
  { swim }: Node,
  dialogue: Dialogue.Dialogue,
  member: Endpoint & { readonly node: string },
  sequence: number
) {
  const { address, node, port } = swim.self
  const answer = yield* dialogue.ask(member, {
    _tag: "Ping",
    sequence,
    node: member.node,
    source: { address, node, port }
  })
  if (answer._tag === "Ack" && answer.sequence === sequence) swim.streamAnswered(sequence)
})

const answer = Effect.fnUntraced(function*(
  { complaints, swim }: Node,
  application: Application,
  message: StreamMessage
): Effect.fn.Return<StreamMessage | undefined> {
  switch (message._tag) {
    case "Ping":
      return message.node === swim.self.node ? { _tag: "Ack", sequence: message.sequence } : undefined
    case "User":
      return void application.heard(message.payload)
    case "PushPull": {
      // Told before theirs is taken in: they learn what they lack, and nothing that they have said themselves.
      const state = swim.state(message.isJoin, application.answer(message.userState))
      const problem = yield* Turns.spread(swim.merge(message))
      if (problem !== undefined) {
        complaints.once(problem, `A member of another gossip cluster is not let in: ${problem}`)
      }
      return state
    }
    default:
      return undefined
  }
})

/** Goes, and stays until others have had the chance to hear of it. */
const leave = Effect.fnUntraced(function*({ settings, swim }: Node, application: Application) {
  const others = swim.members().filter((member) => member !== swim.self && !isGone(member)).length
  if (others > 0) yield* application.leaving
  swim.leave()
  if (others === 0) return
  const packets = Settings.retransmits(settings, swim.members().length)
  const rounds = Math.ceil(packets / Math.min(others, settings.gossipNodes))
  yield* Effect.sleep(settings.gossipInterval * Math.min(rounds + 1, mostFarewells))
})

/** Rounds of gossip that one who leaves stays for: within the first ones every other round tells it twice as many. */
const mostFarewells = 5
