/**
 * Who calls, by a bearer token: a layer for each side, and a guard that tells handlers.
 */
import { Codec } from "effect-micro/Codec"
import type * as Contract from "effect-micro/Contract"
import * as Rpc from "effect-micro/Rpc"
import * as Transport from "effect-micro/Transport"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/** The call has no token, or one that nobody has been given. Every method that may be refused so declares it. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {}) {}

/** Who calls. */
export class CurrentUser extends Context.Service<CurrentUser, { readonly name: string }>()("examples/CurrentUser") {}

/** Whose token it is. */
export class Tokens extends Context.Service<Tokens, {
  readonly userOf: (token: Redacted.Redacted) => Effect.Effect<CurrentUser["Service"], Unauthorized>
}>()("examples/Tokens") {}

/** For who calls: adds the token of the environment to every call. */
export const Sent = Layer.unwrap(Effect.map(Config.Redacted("TOKEN"), (token) => {
  const signed = (call: Transport.Call): Transport.Call => ({
    ...call,
    headers: { ...call.headers, authorization: `Bearer ${Redacted.value(token)}` }
  })
  return Transport.layerWrap({
    client: (next) => ({
      unary: (call, message) => next.unary(signed(call), message),
      stream: (call, messages) => next.stream(signed(call), messages)
    })
  })
}))

/** For who answers: refuses each call without a good token, to whatever service, before a handler sees it. */
export const Checked = Layer.unwrap(Effect.gen(function*() {
  const tokens = yield* Tokens
  const codec = yield* Codec
  const refusal = (call: Transport.Call) =>
    Effect.match(Effect.flatMap(tokenOf(call), tokens.userOf), {
      onSuccess: () => undefined,
      onFailure: (unauthorized) => {
        const body = codec.find(call.contentType)?.coder(Unauthorized).encode(unauthorized)
        return body?._tag === "Success"
          ? Transport.failure("Error", body.value)
          : Transport.failure("Malformed", `Nothing can be said in ${call.contentType}`)
      }
    })
  return Transport.layerWrap({
    server: (next) => ({
      unary: (call, message) =>
        Effect.flatMap(
          refusal(call),
          (refused) => refused === undefined ? next.unary(call, message) : Effect.succeed(refused)
        ),
      stream: (call, messages) =>
        Stream.unwrap(
          Effect.map(refusal(call), (refused) =>
            refused === undefined ? next.stream(call, messages) : Stream.succeed(refused))
        )
    })
  })
}))

/** Handlers that know who calls: what needs `CurrentUser` needs `Tokens` instead. */
export const guarded = <M extends Contract.Methods, H extends Contract.Procedures<M, any>>(
  contract: Contract.Definition<M>,
  handlers: H
) => Rpc.provideServiceEffect(contract, handlers, CurrentUser, user)

// ---------------------------------------------------------------------------------------------------------------------

const tokenOf = (call: Transport.Call | undefined): Effect.Effect<Redacted.Redacted, Unauthorized> => {
  const [, token] = /^Bearer (\S+)$/i.exec(call?.headers["authorization"] ?? "") ?? []
  return token === undefined ? Effect.fail(new Unauthorized()) : Effect.succeed(Redacted.make(token))
}

const user = Effect.gen(function*() {
  const tokens = yield* Tokens
  return yield* Effect.flatMap(Effect.flatMap(Rpc.CurrentCall, tokenOf), tokens.userOf)
})
