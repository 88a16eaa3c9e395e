/**
 * A small fleet of real processes, and what becomes of its calls when one of them is killed: `npm start`
 *
 * Two greeters and a shop are processes of their own, and this one is their client. It finds them over multicast DNS,
 * calls without a pause, streams each way, hears the shop's events, kills a greeter with SIGKILL in the middle of it all,
 * and gives an account. It exits with 0 only if no call failed and nothing was missing.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Broker from "effect-micro/Broker"
import * as MdnsRegistry from "effect-micro/Layers/MdnsRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import { RandomSelectorLive } from "effect-micro/Layers/RandomSelector"
import * as Rpc from "effect-micro/Rpc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import { ChildProcessSpawner } from "effect/process/ChildProcessSpawner"
import * as Stream from "effect/Stream"
import { randomUUID } from "node:crypto"
import { Greeter, Shop, Sold } from "./contracts.ts"
import { account, millis } from "./lib/account.ts"
import * as Callers from "./lib/callers.ts"
import { listed } from "./lib/listed.ts"
import * as Moves from "./lib/moves.ts"
import { Processes, program } from "./lib/processes.ts"

/** Two fleets on one network do not meet. */
const domain = `fleet-${randomUUID().slice(0, 8)}`

/** Starts the services and finds them. */
const start = Effect.gen(function*() {
  yield* Console.log("Two greeters and a shop start, each a process. Found over multicast DNS:")
  const victim = yield* program("greeter", domain)
  const survivor = yield* program("greeter", domain)
  yield* program("shop", domain)
  for (const { address, metadata, service } of [...yield* listed(Greeter, 2), ...yield* listed(Shop, 1)]) {
    yield* Console.log(`  ${service.padEnd(20)}process ${metadata["pid"]} at ${address}`)
  }
  return { victim, survivor }
})

/** Streams each way, and counts what arrives. */
const stream = Effect.gen(function*() {
  const shop = yield* Shop
  const browsed = yield* Stream.runCollect(shop.browse({ most: 2 }))
  const stock = yield* shop.restock(Stream.map(Stream.range(1, 1000), (n) => `pencil ${n}`))
  const haggled = yield* Stream.runCollect(shop.haggle(Stream.range(1, 100)))
  return { browsed: browsed.length, stock, haggled: haggled.length }
})

const buy = Effect.flatMap(
  Shop,
  (shop) => Effect.forEach(["Ada", "Bo", "Cy"], (customer) => shop.buy({ item: "book", customer }), { discard: true })
)

/** Lets the fleet work, kills a part of it, and sees how it goes on. */
const story = Effect.gen(function*() {
  const greeter = yield* Greeter
  const heard: Array<string> = []
  yield* Broker.subscribe(Sold, ({ customer }) => Effect.sync(() => heard.push(customer)))

  const { survivor, victim } = yield* start
  yield* greeter.hello({ name: "first" })
  const first = performance.now()

  const before = Callers.makeTally()
  const after = Callers.makeTally()
  let tally = before
  const callers = yield* Effect.forkScoped(Callers.run(greeter, 8, () => tally))
  const streams = yield* stream
  yield* buy
  yield* Callers.until(() => [victim, survivor].every(({ pid }) => Callers.answersOf(before, pid) >= 1000))

  tally = after
  const killed = performance.now()
  yield* victim.kill({ killSignal: "SIGKILL" })
  yield* listed(Greeter, 1)
  const dropped = performance.now() - killed
  yield* buy
  yield* Callers.until(() => Callers.answersOf(after, survivor.pid) >= 2000)
  yield* Fiber.interrupt(callers)

  const spawner = yield* ChildProcessSpawner
  const later = yield* spawner.string(program("client", domain))
  const { count: moved } = yield* Metric.value(Moves.moves)
  return { victim, survivor, first, before, after, streams, dropped, heard, later, moved }
})

/** Tells how it went. Fails where something was not as it should be. */
const tell = (told: Effect.Success<typeof story>) => {
  const { after, before, dropped, first, heard, later, moved, streams, survivor, victim } = told
  const failures = [...before.failures, ...after.failures]
  const times = (tally: Callers.Tally) =>
    `${millis(Callers.within(tally, 0.5))} p50, ${millis(Callers.within(tally, 0.99))} p99`
  return account({
    "killed": `process ${victim.pid}, with SIGKILL, under 8 callers that never pause; dropped after ${millis(dropped)}`,
    "first answer": `${millis(first)} after this process started, the start of the three others included`,
    "a later client": later.trim(),
    "answers before": `${Callers.answersOf(before, victim.pid)} and ${Callers.answersOf(before, survivor.pid)}, in ${
      times(before)
    }`,
    "answers after": `${Callers.answersOf(after, survivor.pid)} from process ${survivor.pid}, in ${times(after)}`,
    "calls": `${failures.length} failed; ${moved} moved to another instance`,
    "streams": `${streams.browsed} items down, ${streams.stock} in stock after 1000 up, ${streams.haggled} both ways`,
    "events": `${heard.length} heard of 6 sales`
  }, {
    "no call failed": failures.length === 0,
    "calls moved from the killed greeter to the other one": moved > 0,
    "every stream arrived whole": streams.browsed === 2 && streams.stock === 1003 && streams.haggled === 100,
    "every sale was heard of once": heard.length === 6,
    "a client that came later was answered": later.includes(`process ${survivor.pid}`)
  })
}

const Network = Micro.layer({
  registry: MdnsRegistry.layer({ domain }),
  selector: Layer.provide(Moves.layer, RandomSelectorLive)
})

story.pipe(
  Effect.flatMap(tell),
  Effect.scoped,
  Effect.timeout("30 seconds"),
  Effect.provide([Rpc.layerClient(Greeter), Rpc.layerClient(Shop)]),
  Effect.provide([Network, Processes]),
  NodeRuntime.runMain
)
