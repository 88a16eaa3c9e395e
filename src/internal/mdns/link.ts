/**
 * The way to the group, over every family and interface.
 *
 * Questions leave from a port of their own, so that the answers to them are nobody else's. Interfaces come and go, and are
 * looked at again every few seconds.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Advert from "./advert.ts"
import type { Choice, Interfaces } from "./interfaces.ts"
import { scan } from "./interfaces.ts"
import * as Lane from "./lane.ts"
import type { Outgoing, Packet } from "./packet.ts"
import type { From } from "./socket.ts"

/** A packet that came in, or bytes that are none. */
export type Heard =
  | { readonly _tag: "Packet"; readonly packet: Packet; readonly from: From }
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
  readonly reply: (packet: Outgoing, to: From) => Effect.Effect<void>
}

/** How to reach the group. */
export interface Options extends Choice {
  readonly port: number
}

/** Opens what can be opened, until the scope closes. */
export const make = (options: Options): Effect.Effect<Link, never, Scope.Scope> =>
  Effect.gen(function*() {
    const heard = yield* Queue.dropping<Heard>(1024)
    const echoed = yield* Latch.make(false)
    let interfaces = scan(options)
    let failure: unknown
    const laneOf = (family: 4 | 6): Lane.Lane => {
      const lane = Lane.make(family, options.port, {
        onPacket: (packet, from) => {
          const mine = packet.type === "query" && lane.isAsker(from) && interfaces.isOwn(from.address)
          if (mine) echoed.openUnsafe()
          else Queue.offerUnsafe(heard, { _tag: "Packet", packet, from })
        },
        onGarbage: (cause) => Queue.offerUnsafe(heard, { _tag: "Garbage", cause }),
        onFailure: (cause) => {
          failure = cause
          return Effect.logDebug("An mDNS socket failed", cause)
        }
      })
      return lane
    }
    const lanes = options.families.map(laneOf)
    const throughout = <R>(run: (lane: Lane.Lane, through: Interfaces["all"]) => Effect.Effect<void, never, R>) =>
      Effect.forEach(lanes, (lane) => run(lane, interfaces.all.filter(({ family }) => family === lane.family)), {
        discard: true
      })
    const toGroup = (packet: Outgoing, how: "ask" | "tell") =>
      throughout((lane, all) => Effect.forEach(all, (through) => lane[how](packet, through), { discard: true }))

    yield* keepFresh(throughout((lane, all) => lane.refresh(all)), () => interfaces = scan(options))
    return {
      heard,
      echoed,
      interfaces: Effect.sync(() => interfaces),
      failure: Effect.sync(() => failure),
      ask: (name, type) => Effect.flatMap(newId, (id) => toGroup(Advert.query(name, type, id), "ask")),
      tell: (packet) => toGroup(packet, "tell"),
      reply: (packet, to) => lanes.find(({ family }) => to.family === `IPv${family}`)?.reply(packet, to) ?? Effect.void
    }
  })

/** What tells one packet that asks from another. */
export const newId: Effect.Effect<number> = Random.nextIntBetween(1, 65_535)

// ---------------------------------------------------------------------------------------------------------------------

const refreshEvery = "5 seconds"

/** What is opened on the way lives as long as the link. */
const keepFresh = (refresh: Effect.Effect<void, never, Scope.Scope>, look: () => void) =>
  refresh.pipe(
    Effect.andThen(
      Effect.sleep(refreshEvery).pipe(
        Effect.andThen(Effect.sync(look)),
        Effect.andThen(refresh),
        Effect.forever,
        Effect.forkScoped
      )
    )
  )
