/**
 * Measures the selectors: `npm run bench:select [-- --smoke]`. Two tables: what a choice costs that is lent and given
 * back, and how long a list of ten thousand holds up the event loop when one instance of it has changed.
 *
 * The contenders take turns; of the rounds the fastest counts, which is the one that was disturbed least.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as os from "node:os"
import * as Prompt from "../src/internal/prompt.ts"
import * as Loan from "../src/internal/selection/loan.ts"
import { EjectingSelectorLive } from "../src/Layers/EjectingSelector.ts"
import { HashSelectorLive } from "../src/Layers/HashSelector.ts"
import { LeastLoadedSelectorLive } from "../src/Layers/LeastLoadedSelector.ts"
import { PeakEwmaSelectorLive } from "../src/Layers/PeakEwmaSelector.ts"
import { RandomSelectorLive } from "../src/Layers/RandomSelector.ts"
import { RoundRobinSelectorLive } from "../src/Layers/RoundRobinSelector.ts"
import { WeightedSelectorLive } from "../src/Layers/WeightedSelector.ts"
import { Instance, Registry } from "../src/Registry.ts"
import { Selector } from "../src/Selector.ts"

const smoke = process.argv.includes("--smoke")
const rounds = smoke ? 2 : 20
const choices = smoke ? 1000 : 50_000
const sizes = [10, 100, 10_000]

const layers = {
  RandomSelector: RandomSelectorLive,
  RoundRobinSelector: RoundRobinSelectorLive,
  LeastLoadedSelector: LeastLoadedSelectorLive,
  PeakEwmaSelector: PeakEwmaSelectorLive,
  WeightedSelector: WeightedSelectorLive,
  HashSelector: HashSelectorLive,
  "EjectingSelector, of RandomSelector": Layer.provide(EjectingSelectorLive, RandomSelectorLive),
  "EjectingSelector, of PeakEwmaSelector": Layer.provide(EjectingSelectorLive, PeakEwmaSelectorLive)
}

const keys = Array.from({ length: 1024 }, (_, index) => `customer/${index}`)

const instance = (index: number): Instance =>
  new Instance({
    id: `orders-${String(index).padStart(5, "0")}`,
    service: "orders",
    version: "1.0.0",
    address: `micro://10.0.${index >> 8}.${index & 255}:4000`,
    metadata: { weight: String(1 + index % 3) },
    endpoints: []
  })

const fleet = (size: number): ReadonlyArray<Instance> => Array.from({ length: size }, (_, index) => instance(index))

/** A selector over a list that `tell` replaces. */
const contender = async (name: string, layer: Layer.Layer<Selector, never, Registry>, size: number) => {
  const lists = Effect.runSync(Queue.unbounded<ReadonlyArray<Instance>>())
  const registry = Registry.of({
    register: () => Effect.void,
    watch: () => Stream.fromQueue(lists),
    services: Stream.never,
    doubt: () => Effect.void
  })
  const runtime = ManagedRuntime.make(Layer.provide(layer, Layer.succeed(Registry, registry)))
  const selector = await runtime.runPromise(Effect.map(Selector, (selector) => selector))
  const tell = (list: ReadonlyArray<Instance>) => Queue.offerUnsafe(lists, list)
  // As the caller does it.
  const choose = (call: number) =>
    Effect.withFiber((fiber) => {
      const lease = Scope.makeUnsafe()
      const end = () => lease.state._tag === "Empty" ? Effect.void : Loan.close(lease, Exit.void) ?? Effect.void
      const chosen = Prompt.run(selector.select("orders", lease, { key: keys[call % keys.length] }), fiber)
      return Prompt.value(chosen) === undefined ? Effect.flatMap(chosen, end) : end()
    })
  tell(fleet(size))
  await runtime.runPromise(choose(0))
  return { name, runtime, tell, choose }
}

type Contender = Awaited<ReturnType<typeof contender>>

const now = (): number => Number(process.hrtime.bigint())

/** Nanoseconds of a step, of as many as one round has, in one fiber. */
const measure = (step: (call: number) => Effect.Effect<unknown, unknown>): number => {
  let call = 0
  const start = now()
  Effect.runSync(Effect.orDie(Effect.whileLoop({
    while: () => call < choices,
    body: () => step(call++),
    step: () => {}
  })))
  return (now() - start) / choices
}

const costs = async (size: number): Promise<ReadonlyArray<readonly [string, number]>> => {
  const list = fleet(size)
  let next = 0
  const access = (): Effect.Effect<unknown> => Effect.sync(() => list[next = (next + 7919) % size])
  const contenders: Array<Contender> = []
  for (const [name, layer] of Object.entries(layers)) contenders.push(await contender(name, layer, size))
  const best = new Map([["array access", Infinity], ...contenders.map(({ name }) => [name, Infinity] as const)])
  const note = (name: string, nanos: number) => best.set(name, Math.min(best.get(name)!, nanos))
  for (let round = 0; round < rounds; round++) {
    note("array access", measure(access))
    for (const { choose, name } of contenders) note(name, measure(choose))
  }
  for (const { runtime } of contenders) await runtime.dispose()
  return [...best]
}

/** Milliseconds that the first choice after a change takes, with all that the change brings. */
const change = async (name: string, layer: Layer.Layer<Selector, never, Registry>): Promise<number> => {
  const size = sizes.at(-1)!
  const list = fleet(size)
  const { choose, runtime, tell } = await contender(name, layer, size)
  let best = Infinity
  for (let round = 0; round < rounds; round++) {
    const changed = list.with(round, instance(size + round))
    const start = now()
    tell(changed)
    await runtime.runPromise(Effect.andThen(Effect.yieldNow, Effect.suspend(() => choose(round))))
    best = Math.min(best, now() - start)
  }
  await runtime.dispose()
  return best / 1e6
}

const [cpu] = os.cpus()
console.log(`Node ${process.versions.node}, ${os.cpus().length} × ${cpu?.model.trim()}, best of ${rounds} rounds`)

const tables: Array<ReadonlyArray<readonly [string, number]>> = []
for (const size of sizes) tables.push(await costs(size))
console.log(`\n| ns a choice, lent and given back | ${sizes.join(" | ")} instances |`)
console.log("| --- | ---: | ---: | ---: |")
for (const [row, [name]] of tables[0]!.entries()) {
  console.log(`| ${[name, ...tables.map((table) => table[row]![1].toFixed(0))].join(" | ")} |`)
}

console.log(`\n| a change of ${sizes.at(-1)} instances | ms |`)
console.log("| --- | ---: |")
for (const [name, layer] of Object.entries(layers)) {
  console.log(`| ${name} | ${(await change(name, layer)).toFixed(1)} |`)
}
