import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import * as dgram from "node:dgram"
import type { Fleet } from "../../src/internal/gossip/registry/fleet.ts"
import type { Options } from "../../src/internal/gossip/registry/options.ts"
import * as Bodies from "../../src/internal/gossip/wire/bodies.ts"
import { awaitList, ids, instance } from "../suites/registry.ts"
import * as Crowds from "./crowds.ts"
import { addressOf, member, until } from "./members.ts"
import * as Serf from "./serf.ts"

const lan = { preset: "lan", serf: true } as const

const nameOf = ({ node }: Fleet): string => node.swim.self.node

const stateOf = ({ node }: Fleet, name: string): string | undefined => node.swim.get(name)?.state

const key = (byte: number): string => Buffer.alloc(32, byte).toString("base64")

/** Tells a member in the clear that it is suspected. */
const accuse = ({ node }: Fleet) =>
  Effect.callback<void>((resume) => {
    const { incarnation, node: name, port } = node.swim.self
    const socket = dgram.createSocket("udp4")
    socket.send(Bodies.write({ _tag: "Suspect", node: name, incarnation, from: "nobody" }), port, "127.0.0.1", () => {
      socket.close()
      resume(Effect.void)
    })
  })

describe.skipIf(Serf.isMissing)(
  `among agents of Serf${Serf.isMissing ? " (serf is not installed)" : ""}`,
  { concurrent: true },
  () => {
    for (
      const [what, options, agents] of [
        ["in the clear", {}, {}],
        ["with a key", { keys: [Redacted.make(key(1))] }, { key: key(1) }]
      ] as ReadonlyArray<readonly [string, Options, { readonly key?: string }]>
    ) {
      it.live(
        `a member joins, is joined, is seen alive, carries services and leaves, ${what}`,
        () =>
          Effect.gen(function*() {
            const first = yield* Serf.agent(agents)
            const scope = yield* Scope.make()
            const ours = yield* Scope.provide(member({ ...lan, ...options, join: first.address }), scope)
            yield* Serf.says(first, nameOf(ours), "alive")
            const second = yield* Serf.agent({ ...agents, join: addressOf(ours) })
            yield* Serf.says(second, first.name, "alive")
            yield* Serf.says(second, nameOf(ours), "alive")
            yield* until(() => stateOf(ours, second.name) === "alive", "an agent that is alive")

            // By way of an agent, which knows of no services: they come as events that agents pass on.
            const other = yield* member({ ...lan, ...options, join: second.address })
            yield* ours.registry.register(instance("one"))
            assert.deepStrictEqual(ids(yield* awaitList(other.registry.watch("orders"), (list) => list.length > 0)), [
              "one"
            ])

            const answers = yield* second.run("query", "-timeout=2s", "are-you-there")
            assert.include(answers, `Ack from '${nameOf(ours)}'`)
            assert.include(answers, `Ack from '${nameOf(other)}'`)

            yield* Scope.close(scope, Exit.void)
            yield* Serf.says(first, nameOf(ours), "left")
            yield* Serf.says(second, nameOf(ours), "left")
            yield* awaitList(other.registry.watch("orders"), (list) => list.length === 0)
          }),
        60_000
      )
    }

    it.live("a member defends itself, and sees an agent go, fail and come back", () =>
      Effect.gen(function*() {
        const first = yield* Serf.agent()
        const ours = yield* member({ ...lan, join: first.address })
        const second = yield* Serf.agent({ join: first.address })
        yield* until(() => stateOf(ours, second.name) === "alive", "an agent that is alive")
        yield* Serf.says(first, nameOf(ours), "alive")

        const { incarnation } = ours.node.swim.self
        yield* accuse(ours)
        yield* until(() => ours.node.swim.self.incarnation > incarnation, "a member that defends itself")

        yield* second.kill
        yield* until(() => stateOf(ours, second.name) === "dead", "an agent that failed")
        yield* second.start
        yield* until(() => stateOf(ours, second.name) === "alive", "an agent that is back", 40_000)
        yield* second.run("leave")
        yield* until(() => stateOf(ours, second.name) === "left", "an agent that has left")
        yield* Serf.says(first, nameOf(ours), "alive")
      }), 120_000)

    it.live(
      "a member that crashes is seen to have failed, and is alive again under its name",
      () =>
        Effect.gen(function*() {
          const agent = yield* Serf.agent()
          const start = { preset: "lan", count: 1, join: [agent.address], serf: true } as const
          const crowd = yield* Crowds.open({ ...start, node: "ours" })
          yield* Serf.says(agent, "ours", "alive")
          crowd.kill()
          yield* Serf.says(agent, "ours", "failed")
          yield* Crowds.open({ ...start, node: "ours", port: Number(crowd.addresses[0]?.split(":")[1]) })
          yield* Serf.says(agent, "ours", "alive")
        }),
      120_000
    )

    it.live(
      "among those with a key, who stands still defends itself, and an agent that crashes is found out",
      () =>
        Effect.gen(function*() {
          const keyed = { preset: "lan", serf: true } as const
          const first = yield* Serf.agent({ key: key(1) })
          const witness = yield* member({ ...keyed, keys: [Redacted.make(key(1))], join: first.address })
          const agent = yield* Serf.agent({ key: key(1), join: first.address })
          const ours = yield* Crowds.open({ ...keyed, keys: [key(1)], count: 1, join: [first.address], node: "ours" })
          const slow = [agent.name, "ours"]
          const are = (state: string) => () => slow.every((name) => stateOf(witness, name) === state)
          yield* until(are("alive"), "members that are alive")

          yield* agent.stop
          ours.stop()
          yield* until(are("suspect"), "members that are suspected")
          yield* agent.resume
          ours.resume()
          yield* until(are("alive"), "members that defend themselves")

          yield* agent.kill
          yield* until(() => stateOf(witness, agent.name) === "dead", "an agent that failed")
          yield* Serf.says(first, agent.name, "failed")
          assert.deepStrictEqual(first.seen.filter(({ what }) => what === "Failed").map(({ member }) => member), [
            agent.name
          ])
        }),
      120_000
    )

    it.live("a member takes part when an operator changes the key", () =>
      Effect.gen(function*() {
        const agent = yield* Serf.agent({ key: key(1) })
        const ours = yield* member({ ...lan, join: agent.address, keys: [Redacted.make(key(1))] })
        yield* Serf.says(agent, nameOf(ours), "alive")
        for (const [deed, which] of [["install", 2], ["use", 2], ["remove", 1]] as const) {
          assert.include(yield* agent.run("keys", `-${deed}=${key(which)}`), "Successfully")
        }
        assert.include(yield* agent.run("keys", "-list"), "[2/2]")
        const late = yield* member({ ...lan, join: agent.address, keys: [Redacted.make(key(2))] })
        yield* until(() => stateOf(late, nameOf(ours)) === "alive", "a member that has the new key")
        yield* until(() => stateOf(ours, nameOf(late)) === "alive", "a member that is told with the new key")
      }), 60_000)
  }
)
