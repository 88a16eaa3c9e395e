import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import type { Fleet } from "../../src/internal/gossip/registry/fleet.ts"
import { awaitList, ids, instance } from "../suites/registry.ts"
import * as Memberlist from "./memberlist.ts"
import { addressOf, member, until } from "./members.ts"

const nameOf = ({ node }: Fleet): string => node.swim.self.node

const stateOf = ({ node }: Fleet, name: string): string | undefined => node.swim.get(name)?.state

const key = (length: number): string => Buffer.alloc(length, 1).toString("base64")

const missing = Memberlist.isMissing ? " (a program of Go cannot be built)" : ""

describe.skipIf(Memberlist.isMissing)(`among members in Go${missing}`, { concurrent: true }, () => {
  for (
    const [what, theirs] of [
      ["in the clear", {}],
      ["uncompressed", { compress: false }],
      ["with a key of 16 bytes", { key: key(16) }],
      ["with a key of 32 bytes and a label", { key: key(32), label: "blue" }]
    ] as ReadonlyArray<readonly [string, { readonly key?: string; readonly label?: string }]>
  ) {
    it.live(`a member joins, is joined, sees who goes and is seen to go, ${what}`, () =>
      Effect.gen(function*() {
        const ours = {
          preset: "lan",
          keys: theirs.key === undefined ? [] : [Redacted.make(theirs.key)],
          label: theirs.label
        } as const
        const first = yield* Memberlist.peer(theirs)
        const scope = yield* Scope.make()
        const one = yield* Scope.provide(member({ ...ours, join: first.address }), scope)
        yield* first.sees("joined", nameOf(one))
        const second = yield* Memberlist.peer({ ...theirs, join: addressOf(one) })
        yield* second.sees("joined", first.name)
        yield* second.sees("joined", nameOf(one))

        // By way of one that knows nothing of services.
        yield* one.registry.register(instance("one"))
        const other = yield* member({ ...ours, join: second.address })
        assert.deepStrictEqual(ids(yield* awaitList(other.registry.watch("orders"), () => true)), ["one"])

        yield* Scope.close(scope, Exit.void)
        yield* first.sees("gone", nameOf(one))
        yield* second.sees("gone", nameOf(one))
        yield* awaitList(other.registry.watch("orders"), (list) => list.length === 0)

        // While few agree, a suspect has half a minute to defend itself.
        first.kill()
        yield* until(() => stateOf(other, first.name) === "dead", "a member in Go that was killed", 40_000)
        second.leave()
        yield* until(() => stateOf(other, second.name) === "left", "a member in Go that left")
      }), 90_000)
  }
})
