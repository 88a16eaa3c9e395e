import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Contract from "../src/Contract.ts"
import { MemoryTransportLive } from "../src/Layers/MemoryTransport.ts"
import { RoundRobinSelectorLive } from "../src/Layers/RoundRobinSelector.ts"
import * as Transport from "../src/Transport.ts"
import { client, knowing, overHttp, serve } from "./suites/fleet.ts"

const Page = Schema.Struct({ text: Schema.String, raw: Schema.Uint8Array })

class TooLarge extends Schema.TaggedError<TooLarge>("TooLarge")("TooLarge", { page: Page }) {}

class Press extends Contract.Service<Press>()("press", {
  print: Contract.method({ payload: Page, success: Page, idempotent: true }),
  refuse: Contract.method({ payload: Page, error: TooLarge }),
  copies: Contract.method({ payload: Page, success: Contract.stream(Page) }),
  bind: Contract.method({ payload: Contract.stream(Page), success: Contract.stream(Page) })
}) {}

const handlers: Contract.Procedures<typeof Press["methods"]> = {
  print: Effect.succeed,
  refuse: (page) => Effect.fail(new TooLarge({ page })),
  copies: (page) => Stream.make(page, page),
  bind: (pages) => pages
}

const mebibyte = 1024 * 1024
const page = { text: "long \"text\" ".repeat(mebibyte / 12), raw: new Uint8Array(mebibyte).fill(0xfa) }
const small = { text: "short", raw: new Uint8Array([1, 2]) }

const plain = "application/json"
const direct = "application/x-json-parts"

/** What was sent over a transport and came back, in order. */
interface Ledger {
  readonly types: Array<string>
  readonly messages: Array<Uint8Array>
  readonly replies: Array<Transport.Reply>
}

const recording = (ledger: Ledger) =>
  Transport.layerWrap({
    client: (next) => ({
      unary: (call, message) => {
        ledger.types.push(call.contentType)
        ledger.messages.push(message)
        return Effect.tap(next.unary(call, message), (reply) => Effect.sync(() => ledger.replies.push(reply)))
      },
      stream: (call, messages) => {
        ledger.types.push(call.contentType)
        return next.stream(call, messages)
      }
    })
  })

/** A press, a client of it at these addresses, and what went between them. */
const open = (transport: Layer.Layer<Transport.Transport>, at: (address: string) => ReadonlyArray<string>) =>
  Effect.gen(function*() {
    const ledger: Ledger = { types: [], messages: [], replies: [] }
    // One transport for both, since the addresses of memory are known to one alone.
    const shared = Layer.succeedContext(yield* Layer.build(Layer.fresh(transport)))
    const { address } = yield* serve(Press, handlers, { transport: shared })
    const press = yield* client(Press, {
      registry: knowing("press", ...at(address)),
      selector: RoundRobinSelectorLive,
      transport: Layer.provide(recording(ledger), shared)
    })
    return { ledger, press }
  })

const own = (address: string) => [address]
const http = (address: string) => [address.replace("micro:", "http:")]
const either = (address: string) => [...own(address), ...own(address), ...http(address)]

const first = (bytes: Uint8Array | Transport.Reply | undefined) => bytes instanceof Uint8Array ? bytes[0] : undefined

describe("large texts and bytes", () => {
  for (
    const [lane, transport] of [["a wire of this library's own", overHttp()], ["memory", MemoryTransportLive]] as const
  ) {
    it.live(`travel beside the JSON over ${lane}, but for the first call`, () =>
      Effect.gen(function*() {
        const { ledger, press } = yield* open(transport, own)
        for (let call = 0; call < 2; call++) assert.deepStrictEqual(yield* press.print(page), page)
        assert.deepStrictEqual(ledger.types, [plain, direct])
        assert.strictEqual(first(ledger.messages[0]), "{".charCodeAt(0))
        assert.strictEqual(first(ledger.messages[1]), 0)
        assert.strictEqual(first(ledger.replies[1]), 0)
        assert.isBelow(ledger.messages[1].length, 2 * mebibyte + 200)
        assert.deepStrictEqual(yield* press.print(small), small)
      }))
  }

  it.live("travel in the JSON where anybody may answer", () =>
    Effect.gen(function*() {
      const { ledger, press } = yield* open(overHttp(), http)
      for (let call = 0; call < 2; call++) assert.deepStrictEqual(yield* press.print(page), page)
      assert.deepStrictEqual(ledger.types, [plain, plain])
      assert.strictEqual(first(ledger.replies[1]), "{".charCodeAt(0))
    }))

  it.live("are written again where a call comes to another kind of lane than the last one", () =>
    Effect.gen(function*() {
      const { ledger, press } = yield* open(overHttp(), either)
      for (let call = 0; call < 6; call++) assert.deepStrictEqual(yield* press.print(page), page)
      // Of three in turn, wherever that begins, two take the best there is, and one of them comes after the other.
      assert.include(ledger.types.slice(0, 4), direct)
      assert.include(ledger.types.slice(0, 3), plain)
      for (let call = 0; call < 6; call++) {
        assert.strictEqual(first(ledger.replies[call]) === 0, ledger.types[call] === direct)
      }
    }))

  it.live("of declared errors travel so, too", () =>
    Effect.gen(function*() {
      const { ledger, press } = yield* open(overHttp(), own)
      yield* press.print(small)
      assert.deepStrictEqual(yield* Effect.flip(press.refuse(page)), new TooLarge({ page }))
      assert.deepStrictEqual(yield* Effect.flip(press.refuse(page)), new TooLarge({ page }))
      const failed = ledger.replies.at(-1)
      assert.isTrue(failed !== undefined && Transport.isFailure(failed) && failed.body[0] === 0)
    }))

  it.live("of streams travel so, too, and in the JSON where anybody may answer", () =>
    Effect.gen(function*() {
      for (const [at, expected] of [[own, direct], [http, plain]] as const) {
        const { ledger, press } = yield* open(overHttp(), at)
        for (let call = 0; call < 2; call++) {
          assert.deepStrictEqual(yield* Stream.runCollect(press.copies(page)), [page, page])
        }
        assert.strictEqual(ledger.types.at(-1), expected)
        if (at === own) {
          assert.deepStrictEqual(yield* Stream.runCollect(press.bind(Stream.make(page, small))), [page, small])
        }
      }
    }))
})
