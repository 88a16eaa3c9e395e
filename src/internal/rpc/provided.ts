/**
 * Handlers that get a service made for each call.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as Contract from "../../Contract.ts"

// Erased: what a handler takes and gives is known to whoever calls this.
type Handlers = Readonly<Record<string, (payload: any) => unknown>>

/** Makes the service when a call comes, and calls the handler only when it is made. */
export const provided = <I, S>(
  methods: Contract.Methods,
  handlers: Handlers,
  service: Context.Key<I, S>,
  make: Effect.Effect<S, unknown, unknown>
): Handlers =>
  Object.fromEntries(
    Object.keys(methods).map((name) => {
      const streams = Contract.isStreamed((methods[name] as Contract.Method<Contract.Side, Contract.Side, any>).success)
      const answer = (payload: unknown) => (value: S): any => {
        const answered = handlers[name](payload)
        return streams
          ? Stream.provideService(answered as Stream.Stream<unknown, unknown, unknown>, service, value)
          : Effect.provideService(answered as Effect.Effect<unknown, unknown, unknown>, service, value)
      }
      return [
        name,
        (payload: unknown) =>
          streams ? Stream.unwrap(Effect.map(make, answer(payload))) : Effect.flatMap(make, answer(payload))
      ]
    })
  )
