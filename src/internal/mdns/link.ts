/**
 * The way to the group: a socket that everybody hears on, and one that answers come back to, for each family.
 *
 * Questions leave from a port of their own, so that the answers to them are nobody else's. Interfaces come and go:
 * they are looked at again every few seconds, and what could not be opened or joined is tried again.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import * as Scope from "effect/Scope"
import * as Advert from "./advert.ts"
import type { Choice, Family, Interfaces } from "./interfaces.ts"
import { scan } from "./interfaces.ts"
import type { Outgoing, Packet } from "./packet.ts"
import * as Socket from "./socket.ts"

/** A packet that came in, or bytes that are none. */
export type Heard =
  | { readonly _tag: "Packet"; readonly packet: Packet; readonly from: Socket.From }
  | { readonly _tag: "Garbage"; readonly cause: unknown }

/** The way to the group. */
export interface Link {
  /** What others say; at most 1,024 packets wait, and those after them are lost as they may be on the wire. */
  readonly heard: Queue.Dequeue<Heard>
  /** Opens once a question of ours came back to us: the group can be reached. */
  readonly echoed: Latch.Latch
  readonly interfaces: Effect.Effect<Interfaces>
  /** What failed last, if anything did. */
  readonly failure: Effect.Effect<unknown>
  /** Asks the group. A question that cannot be sent is as good as one that is lost on the way. */
  readonly ask: (name: string, type: "PTR" | "ANY") => Effect.Effect<void>
  /** Tells the group. */
  readonly tell: (packet: Outgoing) => Effect.Effect<void>
  /** Tells one. */
  readonly reply: (packet: Outgoing, to: Socket.From) => Effect.Effect<void>
}

/** How to reach the group. */
export interface Options extends Choice {
  readonly port: number
}

/** Opens what can be opened, until the scope closes. */
export const make = (options: Options): Effect.Effect<Link, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const heard = yield* Queue.dropping<Heard>(1024)
    const echoed = yield* Latch.make(false)
    const lanes = options.families.map((family): Lane => ({ family, ears: undefined, mouth: undefined }))
    let interfaces = scan(options)
    let failure: unknown

    const tolerate = <A>(effect: Effect.Effect<A, Socket.SocketFailed>): Effect.Effect<A | undefined> =>
      Effect.catchTag(effect, "SocketFailed", (failed) => {
        failure = failed.cause
        return Effect.as(Effect.logDebug("An mDNS socket failed", failed.cause), undefined)
      })
    const open = (lane: Lane, port: number): Effect.Effect<Socket.Socket | undefined> =>
      Socket.open({
        family: lane.family,
        port,
        onPacket: (packet, from) => {
          const mine = packet.type === "query" && from.port === lane.mouth?.port && interfaces.isOwn(from.address)
          if (mine) echoed.openUnsafe()
          else Queue.offerUnsafe(heard, { _tag: "Packet", packet, from })
        },
        onGarbage: (cause) => Queue.offerUnsafe(heard, { _tag: "Garbage", cause })
      }).pipe(Scope.provide(scope), tolerate)
    const refresh = Effect.gen(function*() {
      interfaces = scan(options)
      for (const lane of lanes) {
        const through = interfaces.all.filter(({ family }) => family === lane.family)
        if (through.length === 0) continue
        lane.mouth ??= yield* open(lane, 0)
        lane.ears ??= yield* open(lane, options.port)
        for (const one of through) if (lane.ears !== undefined) yield* tolerate(lane.ears.join(one))
      }
    })
    const toGroup = (packet: Outgoing, from: "ears" | "mouth") =>
      Effect.forEach(interfaces.all, (through) => {
        const socket = lanes.find(({ family }) => family === through.family)?.[from]
        const group = { address: Socket.groupAddress[through.family], port: options.port }
        return socket === undefined ? Effect.void : tolerate(socket.toGroup(packet, group, through))
      }, { discard: true })

    yield* refresh
    yield* Effect.sleep(refreshEvery).pipe(Effect.andThen(refresh), Effect.forever, Effect.forkScoped)
    return {
      heard,
      echoed,
      interfaces: Effect.sync(() => interfaces),
      failure: Effect.sync(() => failure),
      ask: (name, type) => Effect.flatMap(newId, (id) => toGroup(Advert.query(name, type, id), "mouth")),
      tell: (packet) => toGroup(packet, "ears"),
      reply: (packet, to) => {
        const socket = lanes.find(({ family }) => to.family === `IPv${family}`)?.ears
        return socket === undefined ? Effect.void : Effect.asVoid(tolerate(socket.to(packet, to)))
      }
    }
  })

/** What tells one packet that asks from another. */
export const newId: Effect.Effect<number> = Random.nextIntBetween(1, 65_535)

// ---------------------------------------------------------------------------------------------------------------------

/** The sockets of one family. */
interface Lane {
  readonly family: Family
  /** Joined to the group, on the port that everybody shares. */
  ears: Socket.Socket | undefined
  /** On a port of its own. */
  mouth: Socket.Socket | undefined
}

const refreshEvery = "5 seconds"
