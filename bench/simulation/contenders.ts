/**
 * Who chooses: some of the selectors by themselves, all that `Micro` has, and somebody who knows everything.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Selection from "../../src/internal/selection.ts"
import { EjectingSelectorLive } from "../../src/Layers/EjectingSelector.ts"
import { GuidedSelectorLive } from "../../src/Layers/GuidedSelector.ts"
import { LeastLoadedSelectorLive } from "../../src/Layers/LeastLoadedSelector.ts"
import { PeakEwmaSelectorLive } from "../../src/Layers/PeakEwmaSelector.ts"
import { RandomSelectorLive } from "../../src/Layers/RandomSelector.ts"
import { RoundRobinSelectorLive } from "../../src/Layers/RoundRobinSelector.ts"
import type { Instance } from "../../src/Registry.ts"
import type { Contender } from "./cell.ts"
import type { Server } from "./server.ts"

/** The columns of the table. */
export const contenders: ReadonlyArray<Contender> = [
  { name: "random", selector: () => RandomSelectorLive, isDefault: false },
  { name: "round robin", selector: () => RoundRobinSelectorLive, isDefault: false },
  { name: "least loaded", selector: () => LeastLoadedSelectorLive, isDefault: false },
  { name: "peak EWMA", selector: () => PeakEwmaSelectorLive, isDefault: false },
  { name: "guided", selector: () => GuidedSelectorLive, isDefault: false },
  { name: "default", selector: () => Layer.provide(EjectingSelectorLive, PeakEwmaSelectorLive), isDefault: true },
  { name: "ideal", selector: (servers) => Selection.layer(ideal(servers)), isDefault: false }
]

// ---------------------------------------------------------------------------------------------------------------------

/** The least to wait for, by what servers have and how fast they are. */
const ideal = (servers: ReadonlyMap<string, Server>) =>
  Effect.succeed({
    pick: ({ candidates }: { readonly candidates: readonly [Instance, ...ReadonlyArray<Instance>] }) =>
      candidates.reduce((best, instance) => wait(servers, instance) < wait(servers, best) ? instance : best)
  })

const wait = (servers: ReadonlyMap<string, Server>, { address }: Instance): number => {
  const { isAlive, load, mood, speed } = servers.get(address)!
  return isAlive && mood === "works" ? (load + 1) / speed : Infinity
}
