/**
 * A service that knows who calls: a token goes with each call, and a handler that wants the user cannot be forgotten.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Contract from "effect-micro/Contract"
import * as HttpTransport from "effect-micro/Layers/HttpTransport"
import { JsonCodecLive } from "effect-micro/Layers/JsonCodec"
import { MemoryRegistryLive } from "effect-micro/Layers/MemoryRegistry"
import * as Micro from "effect-micro/Layers/Micro"
import { Registry } from "effect-micro/Registry"
import * as Rpc from "effect-micro/Rpc"
import type { Transport } from "effect-micro/Transport"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Bearer from "./middleware/bearer.ts"

class Diary extends Contract.Service<Diary>()("examples.diary", {
  write: Contract.method({ payload: { text: Schema.String }, success: Schema.String, error: Bearer.Unauthorized }),
  count: Contract.method({ success: Schema.Int, error: Bearer.Unauthorized })
}) {}

let pages = 0

/** Without `guarded`, this would need a `CurrentUser`, and nobody could give it one. */
const DiaryServer = Rpc.layerServer(
  Diary,
  Bearer.guarded(Diary, {
    write: ({ text }) =>
      Effect.map(Bearer.CurrentUser, ({ name }) => {
        pages++
        return `${name} wrote: ${text}`
      }),
    count: () => Effect.sync(() => pages)
  })
)

const Tokens = Layer.succeed(Bearer.Tokens, {
  userOf: (token) =>
    Redacted.value(token) === "sesame" ? Effect.succeed({ name: "ada" }) : Effect.fail(new Bearer.Unauthorized())
})

/** One end of the network. The ends share a registry, and nothing else. */
const end = <E, R>(transport: Layer.Layer<Transport, E, R>) =>
  Layer.fresh(Micro.layer({ registry: Layer.effect(Registry, Registry), transport }))

const Server = DiaryServer.pipe(
  Layer.provide(end(Layer.provide(Bearer.Checked, HttpTransport.layer()))),
  Layer.provide([Tokens, JsonCodecLive])
)

/** Writes a page, over a transport that may have something to show. */
const write = <E, R>(text: string, transport: Layer.Layer<Transport, E, R>) =>
  Effect.gen(function*() {
    const diary = yield* Diary
    yield* Console.log(yield* diary.write({ text }))
  }).pipe(
    Effect.catchTag("Unauthorized", () => Console.log(`unauthorized: ${text}`)),
    Effect.provide(Layer.provide(Rpc.layerClient(Diary), end(transport)))
  )

/** A transport with a token, as a process has it in its environment. */
const withToken = (token: string) =>
  Layer.provide(Bearer.Sent, [
    HttpTransport.layer(),
    ConfigProvider.layer(ConfigProvider.fromUnknown({ TOKEN: token }))
  ])

const program = Effect.gen(function*() {
  yield* write("day one", withToken("sesame"))
  yield* write("day two", withToken("please"))
  yield* write("day three", HttpTransport.layer())
  yield* Console.log(`pages: ${pages}`)
})

program.pipe(
  Effect.provide(Server),
  Effect.provide(MemoryRegistryLive),
  NodeRuntime.runMain
)
