/**
 * A service that pages may call, and what such a page does: `fetch`, and nothing of this library.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Contract from "effect-micro/Contract"
import * as HttpTransport from "effect-micro/Layers/HttpTransport"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import { Registry } from "effect-micro/Registry"
import * as Rpc from "effect-micro/Rpc"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

class Sold extends Schema.TaggedError<Sold>()("Sold", { seat: Schema.Int }) {}

class Seats extends Contract.Service<Seats>()("examples.seats", {
  book: Contract.method({ payload: Schema.Int, success: Schema.String, error: Sold }),
  watch: Contract.method({ success: Contract.stream(Schema.Int), idempotent: true })
}) {}

const SeatsServer = Rpc.layerServer(Seats, {
  book: (seat) => seat > 2 ? Effect.succeed(`seat ${seat} is yours`) : Effect.fail(new Sold({ seat })),
  watch: () => Stream.make(3, 2, 1)
})

/** Returns what it shows. All of it runs in a browser as well. */
const page = async (url: string): Promise<ReadonlyArray<string>> => {
  const shown: Array<string> = []
  const book = async (seat: number) => {
    const headers = { "Content-Type": "application/json" }
    const response = await fetch(`${url}/book`, { method: "POST", headers, body: JSON.stringify(seat) })
    const declared = response.headers.get("Effect-Micro-Status") === "Error"
    shown.push(`${declared ? "declared error" : "booked"}: ${await response.text()}`)
  }
  await book(7)
  await book(1)
  const { body } = await fetch(`${url}/watch`, { headers: { Accept: "application/x-ndjson" } })
  let rest = ""
  for await (const text of body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n")
    rest = lines.pop()!
    for (const line of lines) shown.push(`left: ${JSON.parse(line)}`)
  }
  return shown
}

const program = Effect.gen(function*() {
  const [{ address }] = Option.getOrThrow(yield* Stream.runHead((yield* Registry).watch("examples.seats")))
  const shown = yield* Effect.promise(() => page(`${address.replace("micro:", "http:")}/examples.seats`))
  yield* Effect.forEach(shown, (line) => Console.log(line))
})

const Network = Micro.layer({
  registry: MemoryRegistryLive,
  transport: HttpTransport.layer({ host: "127.0.0.1", cors: { origins: ["https://tickets.example"] } })
})

program.pipe(Effect.provide(SeatsServer), Effect.provide(Network), NodeRuntime.runMain)
