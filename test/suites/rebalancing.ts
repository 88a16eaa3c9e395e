/** A group whose members come and go while events are published to it. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Broker from "../../src/Broker.ts"
import { words } from "./broker.ts"

/** Publishes 2000 words, and returns how often each was handled, once all of them were. */
export const handledWhileMembersChange = Effect.gen(function*() {
  const counts = new Map<string, number>()
  const done = yield* Deferred.make<void>()
  const sent = Array.from({ length: 2000 }, (_, at) => `word ${at}`)
  const handler = (word: string) =>
    Effect.flatMap(Effect.yieldNow, () => {
      counts.set(word, (counts.get(word) ?? 0) + 1)
      return counts.size === sent.length ? Deferred.succeed(done, undefined) : Effect.void
    })
  const join = Effect.gen(function*() {
    const scope = yield* Scope.fork(yield* Effect.scope)
    yield* Scope.provide(Broker.subscribe(words("a"), handler, { group: "g" }), scope)
    return scope
  })
  const members = [yield* join, yield* join]
  for (let at = 0; at < sent.length; at += 100) {
    const publishing = yield* Effect.forkChild(Broker.publishAll(words("a"), sent.slice(at, at + 100)))
    members.push(yield* join)
    yield* Scope.close(members.shift()!, Exit.void)
    yield* Fiber.join(publishing)
  }
  yield* Deferred.await(done)
  return counts
})
