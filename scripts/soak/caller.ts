/**
 * Calls of every kind over three lanes, without a pause: `node scripts/soak/caller.ts <port> …`, the ports of the instances.
 * Says each second how the calls have ended, and what it weighs; stops calling when its input ends, and says so.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import * as Micro from "../../src/Layers/Micro.ts"
import * as StaticRegistry from "../../src/Layers/StaticRegistry.ts"
import { Instance } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import { calls, isIdempotent, type Kind, Ledger } from "../../test/faults/ledger.ts"
import { counted, tell, weigh } from "./meter.ts"

/** How the calls have gone so far. */
export interface Tally {
  begun: number
  readonly ended: Record<string, number>
}

const streaming: ReadonlyArray<Kind> = [
  "unary",
  "idempotent",
  "server stream",
  "idempotent server stream",
  "client stream",
  "bidi"
]

const lanes: Readonly<Record<string, ReadonlyArray<Kind>>> = {
  micro: streaming,
  grpc: streaming,
  http: ["unary", "idempotent"]
}

/** Calls under way on each lane. */
const callers = 4

const tally: Tally = { begun: 0, ended: {} }
let answered: Array<string> = []

const ended = (how: string) => {
  tally.ended[how] = (tally.ended[how] ?? 0) + 1
}

const client = (lane: string) =>
  Effect.map(
    Layer.build(Layer.fresh(Layer.provide(
      Rpc.layerClient(Ledger),
      Micro.layer({
        registry: StaticRegistry.layer(
          process.argv.slice(2).map((port, index) =>
            new Instance({
              id: `${lane}-${index}`,
              service: Ledger.key,
              version: "",
              address: `${lane}://127.0.0.1:${port}`,
              metadata: {},
              endpoints: []
            })
          )
        ),
        transport: HttpTransport.layer({ connectTimeout: "500 millis" })
      })
    ))),
    (context) => Context.get(context, Ledger)
  )

/** One call after the other, each of a kind by luck, until it is told to stop. */
const calling = (lane: string, ledger: Ledger["Service"], isOver: () => boolean) =>
  Effect.gen(function*() {
    const kinds = lanes[lane]
    const kind = kinds[Math.floor((yield* Random.next) * kinds.length)]
    const id = `${process.pid}-${tally.begun++}`
    yield* calls[kind](ledger, isIdempotent(kind) ? `again-${id}` : id).pipe(
      Rpc.withTimeout("2 seconds"),
      Effect.match({
        onSuccess: () => {
          ended(`${lane} ${kind}`)
          if (!isIdempotent(kind)) answered.push(id)
        },
        onFailure: ({ reason }) => ended(reason._tag)
      }),
      Effect.onExit((exit) => Effect.sync(() => exit._tag === "Failure" && ended("defect")))
    )
    yield* Effect.sleep(5)
  }).pipe(Effect.catchCause(() => Effect.void), Effect.repeat({ until: isOver }))

const report = Effect.suspend(() => {
  const facts = { ...weigh(), ...tally, answered }
  answered = []
  return tell(facts)
})

const program = Effect.gen(function*() {
  let isOver = false
  process.stdin.on("end", () => {
    isOver = true
  }).resume()
  const reporting = yield* Effect.forkChild(Effect.repeat(report, Schedule.spaced("1 second")))
  yield* Effect.scoped(Effect.gen(function*() {
    for (const lane of Object.keys(lanes)) {
      const ledger = yield* client(lane)
      yield* Effect.replicateEffect(Effect.forkScoped(calling(lane, ledger, () => isOver)), callers)
    }
    yield* Effect.repeat(Effect.sleep(100), { until: () => isOver })
    // Every call has a deadline of two seconds: what has not ended long after it was lost.
    yield* Effect.repeat(Effect.sleep(100), { until: () => begun() === 0, times: 100 })
  }))
  yield* Fiber.interrupt(reporting)
  yield* Effect.sleep(200)
  yield* report
})

/** Calls that have not ended. */
const begun = () => tally.begun - Object.values(tally.ended).reduce((sum, count) => sum + count, 0)

program.pipe(counted, NodeRuntime.runMain)
