/** Members of real clusters on the loopback interface. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Endpoints from "../../src/internal/gossip/registry/endpoints.ts"
import * as Fleet from "../../src/internal/gossip/registry/fleet.ts"
import type { Options } from "../../src/internal/gossip/registry/options.ts"
import type { RegistryError } from "../../src/Registry.ts"

export const alone = { host: "127.0.0.1", port: 0, preset: "local" } as const

/** A member, which asks others first where they are given. */
export const member = (
  options?: Options,
  ...others: ReadonlyArray<Fleet.Fleet>
): Effect.Effect<Fleet.Fleet, RegistryError, Scope.Scope> =>
  Fleet.make({ ...alone, ...(others.length === 0 ? {} : { join: others.map(addressOf) }), ...options })

export const addressOf = ({ node }: Fleet.Fleet): string => Endpoints.format(node.swim.self)

/** Those that a member takes for alive, itself included. */
export const alive = ({ node }: Fleet.Fleet): ReadonlyArray<string> =>
  node.swim.members().filter(({ state }) => state === "alive").map((member) => member.node).toSorted()

/** Waits until something is so; looks again and again, as nothing tells of it. */
export const until = (isSo: () => boolean, what: string, within = 20_000): Effect.Effect<void> =>
  Effect.sleep(10).pipe(
    Effect.repeat({ until: () => isSo() }),
    Effect.timeoutOrElse({ duration: within, orElse: () => Effect.die(new Error(`It never came to be: ${what}`)) }),
    Effect.asVoid
  )
