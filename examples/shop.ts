/**
 * A service that calls another one and publishes events: `node examples/shop.ts`
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Broker from "effect-micro/Broker"
import * as Rpc from "effect-micro/Rpc"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Greeter, Shop, Sold, SoldOut } from "./contracts.ts"
import { Network } from "./network.ts"

const ShopServer = Rpc.layerServer(
  Shop,
  Effect.gen(function*() {
    const greeter = yield* Greeter
    const shelf = ["book", "lamp", "pen"]
    const add = (item: string) => Effect.sync(() => shelf.push(item))

    return {
      buy: Effect.fn("buy")(function*({ customer, item }) {
        if (!shelf.includes(item)) return yield* new SoldOut({ item })
        const { text } = yield* greeter.hello({ name: customer })
        yield* Effect.orDie(Broker.publish(Sold, { item, customer }))
        return `${text} Here is your ${item}.`
      }),
      browse: ({ most }) => Stream.take(Stream.fromIterable(shelf), most),
      restock: (items) => Stream.runForEach(items, add).pipe(Effect.map(() => shelf.length)),
      haggle: (offers) => Stream.map(offers, (offer) => Math.max(offer, 10))
    }
  })
)

ShopServer.pipe(
  Layer.provide(Rpc.layerClient(Greeter)),
  Layer.provide(Network),
  Layer.launch,
  NodeRuntime.runMain
)
