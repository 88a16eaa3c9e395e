/**
 * The tubes of one connection to NATS: they end with it, and when nobody is at their other end any more.
 */
import type { NatsConnection, Subscription } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Socket } from "node:net"
import type { Link } from "../link.ts"
import { end, Tube } from "./tube.ts"

/** An inbox, and what hears it. */
export interface Inbox {
  readonly here: string
  readonly subscription: Subscription
}

/** Makes a tube of an inbox, which it closes with itself. */
export type Open = (connection: NatsConnection, inbox: Inbox, there: string) => Tube

/** Tubes until the scope closes. */
export const make = (link: Link): Effect.Effect<Open, never, Scope.Scope> =>
  Effect.gen(function*() {
    const tubes = new Map<Tube, () => void>()
    let farewells: Array<() => void> = []
    yield* Effect.addFinalizer(() => Effect.sync(() => tubes.forEach((_, tube) => tube.destroy())))
    yield* link.onLost(() => {
      const problem = link.unreachable("has left")
      for (const [tube, farewell] of tubes) {
        farewells.push(farewell)
        tube.destroy(problem)
      }
    })
    // Those at the other ends may have had their connection all the time, and wait.
    yield* link.onReconnect(() => {
      for (const farewell of farewells) farewell()
      farewells = []
    })
    const ask = Effect.sync(() => tubes.forEach((_, tube) => tube.ask()))
    yield* Effect.forkScoped(Effect.repeat(Effect.delay(ask, silence), Schedule.forever))
    return (connection, { here, subscription }, there) => {
      const tube = new Tube({ connection, here, there })
      tubes.set(tube, () => connection.publish(there, end))
      tube.on("close", () => {
        tubes.delete(tube)
        subscription.unsubscribe()
      })
      return tube
    }
  })

/** A tube as frames know it: of a socket they ask no more than a tube has. */
export const asSocket = (tube: Tube): Socket => tube as unknown as Socket

// ---------------------------------------------------------------------------------------------------------------------

/** How long nobody may be at the other end of a tube before that is found out. */
const silence = "5 seconds"
