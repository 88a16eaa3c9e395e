/**
 * Finds out whether the group can be reached at all, and says so where it cannot.
 *
 * What is sent to the group comes back to this machine. Where nothing does, nothing will ever be found, and a program
 * that waits in silence is the worst way to learn it.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type { Link } from "./link.ts"
import * as Names from "./names.ts"

/** Milliseconds before each question, and after the last one. */
const waits = [0, 500, 500]
const patience = 1000

/** Warns, once, where no question of ours comes back within two seconds. */
export const check = (link: Link, domain: string): Effect.Effect<void> =>
  Effect.raceFirst(Latch.await(link.echoed), Effect.andThen(ask(link, domain), Effect.sleep(patience))).pipe(
    Effect.andThen(Effect.suspend(() => link.echoed.isOpen() ? Effect.void : warn(link)))
  )

// ---------------------------------------------------------------------------------------------------------------------

/** Nobody is called so, and nobody answers. */
const ask = (link: Link, domain: string) =>
  Effect.forEach(
    waits,
    (wait) => Effect.andThen(Effect.sleep(wait), link.ask(Names.ofService("_echo", domain), "PTR")),
    { discard: true }
  )

const warn = Effect.fnUntraced(function*(link: Link) {
  const { all } = yield* link.interfaces
  const failure = yield* link.failure
  const through = [...new Set(all.map(({ name }) => name))]
  const why = through.length === 0 ? "there is no interface to use" : `nothing comes back through ${through.join(", ")}`
  yield* Effect.logWarning(
    `Multicast does not work here (${why}), so the mDNS registry finds no other process. ` +
      "Name the right network with the option `interface`, list the instances with StaticRegistry, or use a registry " +
      "with a server.",
    ...failure === undefined ? [] : [failure]
  )
})
