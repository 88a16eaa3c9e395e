/**
 * What can go wrong with a call, and how a caller tells: errors of the contract, and reasons of `RpcError`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Contract from "effect-micro/Contract"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import * as Rpc from "effect-micro/Rpc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"

class Overdrawn extends Schema.TaggedError<Overdrawn>()("Overdrawn", { missing: Schema.Int }) {}

class Bank extends Contract.Service<Bank>()("examples.bank", {
  withdraw: Contract.method({ payload: { amount: Schema.Int }, success: Schema.Int, error: Overdrawn }),
  audit: Contract.method({ success: Schema.String })
}) {}

class Broker extends Contract.Service<Broker>()("examples.nobody", { trade: Contract.method({}) }) {}

const BankServer = Rpc.layerServer(Bank, {
  withdraw: ({ amount }) => {
    if (amount < 0) return Effect.die(new Error("a bug of the bank's"))
    return amount > 100 ? Effect.fail(new Overdrawn({ missing: amount - 100 })) : Effect.succeed(100 - amount)
  },
  audit: () => Effect.never
})

const program = Effect.gen(function*() {
  const bank = yield* Bank
  const nobody = yield* Broker

  // The contract's own error: its class, with its fields.
  yield* bank.withdraw({ amount: 130 }).pipe(
    Effect.catchTag("Overdrawn", ({ missing }) => Console.log(`declared: ${missing} are missing`))
  )
  // The road's errors: one class, and a reason with the facts.
  yield* nobody.trade().pipe(
    Effect.catchReason("RpcError", "Unreachable", ({ service }) => Console.log(`unreachable: ${service}`))
  )
  yield* Rpc.withTimeout(bank.audit(), "50 millis").pipe(
    Effect.catchReason("RpcError", "DeadlineExceeded", ({ message }) => Console.log(`too late: ${message}`))
  )
  yield* bank.withdraw({ amount: -1 }).pipe(
    Effect.catchTag("RpcError", (error) => Console.log(`${error.reason._tag}, never ran: ${error.neverRan}`))
  )
})

program.pipe(
  Effect.provide(Layer.mergeAll(BankServer, Rpc.layerClient(Bank), Rpc.layerClient(Broker))),
  Effect.provide(Micro.layer({ registry: MemoryRegistryLive })),
  NodeRuntime.runMain
)
