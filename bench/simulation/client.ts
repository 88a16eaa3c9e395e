/**
 * A client as a program has it: the shipped selector, ejection, retries, budget and throttle, over the modelled network.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../../src/Contract.ts"
import type * as Latest from "../../src/internal/registry/latest.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import * as NetworkRpc from "../../src/Layers/NetworkRpc.ts"
import { SteadyRegistryLive } from "../../src/Layers/SteadyRegistry.ts"
import { type Instance, Registry } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import type { Selector } from "../../src/Selector.ts"
import { Transport } from "../../src/Transport.ts"
import * as Luck from "./luck.ts"
import type { Time } from "./time.ts"

class Work extends Contract.Service<Work>()("work", {
  once: Contract.method({ success: Schema.String, idempotent: true })
}) {}

/** What all clients of a cell share. */
export interface Setting {
  readonly time: Time
  readonly transport: Transport["Service"]
  readonly list: Latest.Latest<ReadonlyArray<Instance>>
  readonly selector: Layer.Layer<Selector, never, Registry>
  /** Whether it is all that `Micro` has. */
  readonly isDefault: boolean
}

/** Makes one call; tells whether it succeeded. */
export type Client = (ended: (success: boolean) => void) => void

/** A client with knowledge and luck of its own. */
export const make = ({ isDefault, list, selector, time, transport }: Setting, seed: string): Client => {
  const told = Layer.succeed(Registry, {
    register: () => Effect.void,
    watch: () => list.changes,
    services: Stream.never,
    doubt: () => Effect.void
  })
  const layer = Rpc.layerClient(Work).pipe(
    Layer.provide(NetworkRpc.layer({
      timeout: "1 second",
      ...isDefault ? {} : { throttle: false, retry: { attempts: 1, cut: false } }
    })),
    Layer.provide([selector, JsonCodecLive, Layer.succeed(Transport, transport)]),
    Layer.provide(isDefault ? Layer.provide(SteadyRegistryLive, told) : told),
    Layer.fresh
  )
  const context = Context.add(time.context, Random.Random, Luck.service(seed))
  const run = Effect.runForkWith(context)
  let work: Work["Service"] | undefined
  run(Effect.scoped(Effect.gen(function*() {
    work = Context.get(yield* Layer.build(layer), Work)
    return yield* Effect.never
  })))
  return (ended) => {
    if (work === undefined) throw new Error("The client is not built yet")
    run(work.once()).addObserver((exit) => ended(exit._tag === "Success"))
  }
}
