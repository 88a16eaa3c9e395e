/**
 * Waits until the registry lists so many instances of a service, and gives the list.
 */
import { Registry } from "effect-micro/Registry"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"

export const listed = Effect.fn("listed")(function*(service: { readonly key: string }, count: number) {
  const registry = yield* Registry
  const lists = Stream.filter(registry.watch(service.key), (list) => list.length === count)
  return yield* Effect.map(Stream.runCollect(Stream.take(lists, 1)), (lists) => lists.flat())
})
