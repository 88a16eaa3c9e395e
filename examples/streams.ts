/**
 * The four kinds of method, and what becomes of a stream that nobody wants any more.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Contract from "effect-micro/Contract"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import * as Rpc from "effect-micro/Rpc"
import * as Console from "effect/Console"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

class Numbers extends Contract.Service<Numbers>()("examples.numbers", {
  double: Contract.method({ payload: Schema.Int, success: Schema.Int }),
  countFrom: Contract.method({ payload: Schema.Int, success: Contract.stream(Schema.Int) }),
  sum: Contract.method({ payload: Contract.stream(Schema.Int), success: Schema.Int }),
  squares: Contract.method({ payload: Contract.stream(Schema.Int), success: Contract.stream(Schema.Int) })
}) {}

const stopped = Deferred.makeUnsafe<void>()

const NumbersServer = Rpc.layerServer(Numbers, {
  double: (n) => Effect.succeed(2 * n),
  countFrom: (n) => Stream.ensuring(Stream.iterate(n, (n) => n + 1), Deferred.succeed(stopped, undefined)),
  sum: (numbers) => Stream.runSum(numbers),
  squares: (numbers) => Stream.map(numbers, (n) => n * n)
})

const program = Effect.gen(function*() {
  const numbers = yield* Numbers
  yield* Console.log("one to one:", yield* numbers.double(21))
  yield* Console.log("one to many:", yield* Stream.runCollect(Stream.take(numbers.countFrom(7), 3)))
  yield* Deferred.await(stopped)
  yield* Console.log("the handler stopped, as its caller wants no more")
  yield* Console.log("many to one:", yield* numbers.sum(Stream.range(1, 1000)))
  yield* Console.log("many to many:", yield* Stream.runCollect(numbers.squares(Stream.range(1, 4))))
})

program.pipe(
  Effect.provide(Layer.merge(NumbersServer, Rpc.layerClient(Numbers))),
  Effect.provide(Micro.layer({ registry: MemoryRegistryLive })),
  NodeRuntime.runMain
)
