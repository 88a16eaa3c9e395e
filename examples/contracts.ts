/**
 * What the services of these examples can do, and what they tell of. Callers and services share this file, and no other.
 */
import * as Broker from "effect-micro/Broker"
import * as Contract from "effect-micro/Contract"
import * as Schema from "effect/Schema"

/** A greeting, and the process that wrote it. */
export class Greeting extends Schema.Class<Greeting>("Greeting")({ text: Schema.String, pid: Schema.Int }) {}

/** Greets. To greet twice does no harm, so a call that was cut off is repeated elsewhere. */
export class Greeter extends Contract.Service<Greeter>()("examples.greeter", {
  hello: Contract.method({ payload: { name: Schema.String }, success: Greeting, idempotent: true })
}) {}

/** There is nothing left of it. */
export class SoldOut extends Schema.TaggedError<SoldOut>()("SoldOut", { item: Schema.String }) {}

/** Sells: one method of each kind, one message or many on either side. */
export class Shop extends Contract.Service<Shop>()("examples.shop", {
  buy: Contract.method({
    payload: { item: Schema.String, customer: Schema.String },
    success: Schema.String,
    error: SoldOut
  }),
  browse: Contract.method({ payload: { most: Schema.Int }, success: Contract.stream(Schema.String) }),
  restock: Contract.method({ payload: Contract.stream(Schema.String), success: Schema.Int }),
  haggle: Contract.method({ payload: Contract.stream(Schema.Int), success: Contract.stream(Schema.Int) })
}) {}

/** Something was sold. */
export const Sold = Broker.topic("examples.sold", Schema.Struct({ item: Schema.String, customer: Schema.String }))
