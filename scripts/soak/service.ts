/**
 * An instance: `node scripts/soak/service.ts <name> <port> <ledger>`. Writes down every run before it answers, into a file
 * that outlives it, and says each second what it weighs.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as fs from "node:fs"
import * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import { MemoryRegistryLive } from "../../src/Layers/MemoryRegistry.ts"
import * as Micro from "../../src/Layers/Micro.ts"
import * as NetworkRpc from "../../src/Layers/NetworkRpc.ts"
import * as Rpc from "../../src/Rpc.ts"
import { handlers, Ledger, makePen } from "../../test/faults/ledger.ts"
import { counted, tell, weigh } from "./meter.ts"

const [name, port, ledger] = process.argv.slice(2)
const file = fs.openSync(ledger, "a")

const pen = makePen((id) => void fs.writeSync(file, `${id}\n`))

Rpc.layerServer(Ledger, handlers(name, pen)).pipe(
  Layer.provide(Micro.layer({
    registry: MemoryRegistryLive,
    transport: HttpTransport.layer({ host: "127.0.0.1", port: Number(port) }),
    rpc: NetworkRpc.layer({ drain: "2 seconds" })
  })),
  Layer.merge(Layer.effectDiscard(
    Effect.forkScoped(Effect.repeat(Effect.suspend(() => tell(weigh())), Schedule.spaced("1 second")))
  )),
  Layer.launch,
  counted,
  NodeRuntime.runMain
)
