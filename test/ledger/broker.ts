/** What the processes of a ledger have in common. */
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Broker from "../../src/Broker.ts"
import * as JetStreamBroker from "../../src/Layers/JetStreamBroker.ts"
import { JsonCodecLive } from "../../src/Layers/JsonCodec.ts"
import * as RedisBroker from "../../src/Layers/RedisBroker.ts"

export type Kind = "jetstream" | "redis"

/** Events are numbers. */
export const Entered = Broker.topic("entered", Schema.Int)

export const group = "ledger"

export const layer = (kind: Kind, url: string) =>
  Layer.merge(
    kind === "jetstream"
      ? JetStreamBroker.layer({ servers: url, ackWait: "2 seconds" })
      : RedisBroker.layer({ url, claimAfter: "2 seconds", maxLength: 10_000_000 }),
    JsonCodecLive
  )
