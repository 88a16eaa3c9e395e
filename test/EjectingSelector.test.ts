import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Random from "effect/Random"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import * as Contract from "../src/Contract.ts"
import * as EjectingSelector from "../src/Layers/EjectingSelector.ts"
import { RandomSelectorLive } from "../src/Layers/RandomSelector.ts"
import { Registry } from "../src/Registry.ts"
import * as RpcError from "../src/RpcError.ts"
import { filter, type SelectOptions, Selector, type SelectorError } from "../src/Selector.ts"
import { failure, NotConnected, TransportError } from "../src/Transport.ts"
import { client, deadAddress, knowing, serve } from "./suites/fleet.ts"
import { type Dictated, instance, refusal, selectorSuite, tally, withSelector } from "./suites/selector.ts"

class Greeter extends Contract.Service<Greeter>()("greeter", {
  hello: Contract.method({ payload: { name: Schema.String }, success: Schema.String })
}) {}

const ejecting = (options?: EjectingSelector.Options) =>
  EjectingSelector.layer(options).pipe(Layer.provide(RandomSelectorLive))

selectorSuite("EjectingSelector", ejecting())

const seeded = <A>(
  proof: (registry: Dictated) => Effect.Effect<A, SelectorError, Selector>,
  options?: EjectingSelector.Options,
  seed = 7
) => Random.withSeed(withSelector(ejecting(options), proof), seed)

const lend = (options?: SelectOptions) =>
  Effect.gen(function*() {
    const selector = yield* Selector
    const lease = Scope.makeUnsafe()
    const { id } = yield* selector.select("orders", lease, options)
    return { id, close: (exit: Exit.Exit<unknown, unknown>) => Scope.close(lease, exit) }
  })

const broken = Exit.fail("the connection broke")

const late = Exit.fail(failure("DeadlineExceeded", ""))

/** The same, where the wire did not even say so. */
const silent = Exit.fail(RpcError.make("DeadlineExceeded", { service: "orders", method: "Orders.place" }))

const refused = Exit.fail(
  new TransportError({ reason: new NotConnected({ address: "micro://127.0.0.1/a", cause: new Error("nobody") }) })
)

/** Calls to one instance, one after the other, with these ends. */
const calls = (id: string, ...exits: ReadonlyArray<Exit.Exit<unknown, unknown>>) =>
  Effect.forEach(
    exits,
    (exit) => Effect.flatMap(lend({ keep: (instance) => instance.id === id }), (lent) => lent.close(exit))
  )

const times = <A>(count: number, one: A): ReadonlyArray<A> => Array.from({ length: count }, () => one)

const ids = ["a", "b", "c", "d"]

const four = (registry: Dictated) => registry.tell(...ids.map((id) => instance(id)))

/** Who of the fleet takes calls, which all succeed. */
const taking = (options?: SelectOptions) => Effect.map(tally(100, options), (counts) => Object.keys(counts).toSorted())

/** Who takes the next call, which goes on. */
const next = Effect.map(lend(), ({ id }) => id)

/** Who of the fleet takes calls, which go on. */
const holding = Effect.map(Effect.all(times(60, next)), (held) => [...new Set(held)].toSorted())

describe("EjectingSelector", () => {
  it.effect("leaves out who failed five times in a row", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", ...times(20, Exit.void), ...times(4, broken))
        assert.deepStrictEqual(yield* taking(), ids)
        yield* calls("a", ...times(20, Exit.void), ...times(5, broken))
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
      })
    ))

  it.effect("leaves out who succeeds less than four times out of five, in five calls or more", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", Exit.void, broken, Exit.void, broken)
        yield* calls("b", ...times(8, Exit.void), broken, broken)
        assert.deepStrictEqual(yield* holding, ids)
        yield* calls("a", broken)
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
      })
    ))

  it.effect("judges by the last ten seconds", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", ...times(100, Exit.void))
        yield* calls("b", ...times(100, Exit.void))
        yield* TestClock.adjust("40 seconds")
        const mixed = [broken, Exit.void, broken, Exit.void, Exit.void, broken]
        yield* calls("a", ...mixed)
        yield* calls("b", ...times(20, Exit.void), ...mixed)
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
      })
    ))

  it.effect("leaves out at once where nobody listens", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
      })
    ))

  it.effect("never leaves out more than half", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        for (const id of ids) yield* calls(id, refused)
        assert.deepStrictEqual(yield* taking(), ["c", "d"])
        yield* registry.tell(instance("e"))
        yield* calls("e", refused, refused)
        assert.deepStrictEqual(yield* taking(), ["e"])
      })
    ))

  it.effect("leaves out one that lets time pass, and keeps the others that do: they have too much to do", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", ...times(5, late))
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
        yield* calls("b", ...times(5, late))
        yield* calls("c", ...times(5, silent))
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
        // Not so where it is their own fault.
        yield* calls("b", ...times(5, broken))
        assert.deepStrictEqual(yield* taking(), ["c", "d"])
        yield* TestClock.adjust("5 seconds")
        for (let trial = 0; trial < 2; trial++) yield* Effect.flatMap(lend(), ({ close }) => close(Exit.void))
        yield* calls("c", ...times(5, late))
        assert.deepStrictEqual(yield* taking(), ["a", "b", "d"])
      })
    ))

  it.effect("leaves out a tenth of many that let time pass", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        const fleet = times(30, 0).map((_, index) => instance(String(index).padStart(2, "0")))
        yield* registry.tell(...fleet)
        for (const { id } of fleet) yield* calls(id, ...times(5, late))
        assert.lengthOf(yield* Effect.map(tally(2000), Object.keys), 27)
      })
    ))

  it.effect("says that more than half fail, once a minute", () => {
    const said: Array<unknown> = []
    const logger = Logger.make(({ message }) => void said.push(message))
    return seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        yield* calls("b", refused)
        assert.lengthOf(yield* taking(), 2)
        assert.lengthOf(said, 0)
        for (let second = 0; second < 59; second++) {
          yield* calls("c", refused)
          yield* TestClock.adjust("1 second")
        }
        assert.deepStrictEqual(said, [["c fails, and stays: enough instances are out"]])
        yield* TestClock.adjust("1 second")
        yield* calls("c", refused, refused)
        assert.lengthOf(said, 2)
      }), { base: "1 day", longest: "1 minute" }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("says nothing of the only instance there is", () => {
    const said: Array<unknown> = []
    const logger = Logger.make(({ message }) => void said.push(message))
    return seeded((registry) =>
      Effect.gen(function*() {
        yield* registry.tell(instance("a"))
        yield* calls("a", refused, refused)
        assert.deepStrictEqual(yield* taking(), ["a"])
        assert.lengthOf(said, 0)
      })
    ).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("puts out who was spared, once another one is back", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        for (const id of ["a", "b", "c"]) yield* calls(id, refused)
        assert.deepStrictEqual(yield* taking(), ["c", "d"])
        yield* TestClock.adjust("5 seconds")
        const trial = yield* lend()
        yield* trial.close(Exit.void)
        yield* calls("c", refused)
        assert.notInclude(yield* taking(), "c")
      })
    ))

  it.effect("does not count those that left among the half that may be out", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        yield* calls("b", refused)
        yield* registry.tell(...["c", "d", "e", "f"].map((id) => instance(id)))
        yield* calls("c", refused)
        yield* calls("d", refused)
        assert.deepStrictEqual(yield* taking(), ["e", "f"])
      })
    ))

  it.effect("counts as present only whom a filter below lets pass", () => {
    const layer = EjectingSelector.layer().pipe(
      Layer.provide(filter(({ version }) => version === "2")),
      Layer.provide(RandomSelectorLive)
    )
    return Random.withSeed(
      withSelector(layer, (registry) =>
        Effect.gen(function*() {
          const old = ids.map((id) => instance(id))
          yield* registry.tell(...old, instance("x", { version: "2" }), instance("y", { version: "2" }))
          yield* calls("x", refused)
          yield* calls("y", refused)
          assert.deepStrictEqual(yield* taking(), ["y"])
        })),
      7
    )
  })

  it.effect("tries who was out with one call, and takes it back when that succeeds", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        yield* TestClock.adjust("2499 millis")
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
        yield* TestClock.adjust("2501 millis")
        const trial = yield* lend()
        assert.strictEqual(trial.id, "a")
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
        yield* trial.close(Exit.void)
        // With a clean record: these four would be one too many otherwise.
        yield* calls("a", ...times(4, broken))
        assert.deepStrictEqual(yield* holding, ids)
      })
    ))

  it.effect("leaves out twice as long whose trial fails, up to a minute", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        for (const longest of [5, 10, 20, 40, 60, 60]) {
          yield* TestClock.adjust(longest * 500 - 1)
          assert.notStrictEqual(yield* next, "a")
          yield* TestClock.adjust(longest * 500 + 1)
          const trial = yield* lend()
          assert.strictEqual(trial.id, "a", `after ${longest} seconds`)
          yield* trial.close(broken)
        }
      })
    ))

  it.effect("lets many callers come back at different times", () =>
    Effect.gen(function*() {
      const back = (seed: number) =>
        seeded(
          (registry) =>
            Effect.gen(function*() {
              yield* four(registry)
              yield* calls("a", refused)
              yield* TestClock.adjust("3750 millis")
              return yield* next
            }),
          undefined,
          seed
        )
      const firsts = yield* Effect.forEach(times(40, 0).map((_, seed) => seed), back)
      const early = firsts.filter((id) => id === "a").length
      assert.isAbove(early, 8)
      assert.isBelow(early, 32)
    }))

  it.effect("tries again after a minute when a trial does not end", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* next, "a")
        yield* TestClock.adjust("59 seconds")
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* next, "a")
      })
    ))

  it.effect("does not hold an ejection against who has done well for a minute since", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        const trial = (exit: Exit.Exit<unknown, unknown>) =>
          Effect.gen(function*() {
            const lent = yield* lend()
            assert.strictEqual(lent.id, "a")
            yield* lent.close(exit)
          })
        yield* calls("a", refused)
        yield* TestClock.adjust("5 seconds")
        yield* trial(Exit.void)
        yield* calls("a", refused)
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
        yield* TestClock.adjust("5 seconds")
        yield* trial(Exit.void)
        yield* TestClock.adjust("61 seconds")
        yield* calls("a", refused)
        yield* TestClock.adjust("5 seconds")
        yield* trial(Exit.void)
      })
    ))

  it.effect("lends who is out when nobody else is left, and takes it back when that goes well", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
        yield* registry.tell(instance("a"))
        const lent = yield* lend()
        assert.strictEqual(lent.id, "a")
        yield* lent.close(broken)
        yield* four(registry)
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
        yield* registry.tell(instance("a"))
        yield* calls("a", Exit.void)
        yield* four(registry)
        assert.deepStrictEqual(yield* taking(), ids)
      })
    ))

  it.effect("learns nothing from calls that began before the instance went", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        const early = yield* Effect.all(times(10, lend({ keep: ({ id }) => id === "a" })))
        yield* calls("a", refused)
        for (const [index, { close }] of early.entries()) yield* close(index % 2 === 0 ? Exit.void : broken)
        assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
        yield* TestClock.adjust("5 seconds")
        assert.strictEqual(yield* next, "a")
      })
    ))

  it.effect("makes no trial of a call that must not go there, or has been there", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        assert.deepStrictEqual(yield* taking({ avoid: new Set(["b"]) }), ["c", "d"])
        yield* TestClock.adjust("5 seconds")
        const keep = ({ id }: { readonly id: string }) => id !== "a"
        assert.deepStrictEqual(yield* taking({ keep }), ["b", "c", "d"])
        assert.deepStrictEqual(yield* taking({ avoid: new Set(["a", "b"]) }), ["c", "d"])
        assert.strictEqual(yield* next, "a")
        assert.deepStrictEqual(yield* holding, ["b", "c", "d"])
      })
    ))

  it.effect("forgets who left while it was out", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        yield* registry.tell(instance("b"), instance("c"))
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* taking(), ["b", "c"])
        yield* four(registry)
        assert.isAbove((yield* Effect.all(times(60, next))).filter((id) => id === "a").length, 5)
      })
    ))

  it.effect("asks who is still there when it remembers many, and forgets the others", () => {
    let choices = 0
    const counting = Layer.effect(
      Selector,
      Effect.map(Selector, (selector) =>
        Selector.of({
          ...selector,
          select: (service, lease, options) => {
            choices++
            return selector.select(service, lease, options)
          }
        }))
    )
    const layer = EjectingSelector.layer().pipe(Layer.provide(counting), Layer.provide(RandomSelectorLive))
    return withSelector(layer, (registry) =>
      Effect.gen(function*() {
        for (let generation = 0; generation < 40; generation++) {
          const list = times(10, 0).map((_, index) => instance(`${generation}/${index}`))
          yield* registry.tell(...list)
          for (const { id } of list) yield* calls(id, Exit.void)
        }
        // Beside 400 calls to as many instances: each time that 74 or 84 more than the present ones are remembered.
        assert.approximately(choices - 400, 5, 1)
      }))
  })

  it.effect("heeds a set of those to avoid that grows", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        const tried = new Set(["b"])
        assert.deepStrictEqual(yield* taking({ avoid: tried }), ["a", "c", "d"])
        tried.add("c")
        assert.deepStrictEqual(yield* taking({ avoid: tried }), ["a", "d"])
      })
    ))

  it.effect("says what the other selector says where nobody may be chosen", () =>
    seeded((registry) =>
      Effect.gen(function*() {
        yield* four(registry)
        yield* calls("a", refused)
        yield* TestClock.adjust("5 seconds")
        const { reason } = yield* refusal(lend({ keep: () => false }))
        assert.deepInclude(reason, { _tag: "NoInstance", excluded: 4 })
        assert.strictEqual(yield* next, "a")
      })
    ))

  it.effect("can be told when, and for how long", () =>
    seeded(
      (registry) =>
        Effect.gen(function*() {
          yield* four(registry)
          yield* calls("a", broken, broken)
          yield* calls("b", Exit.void, broken, Exit.void, broken, Exit.void, broken)
          assert.deepStrictEqual(yield* taking(), ["b", "c", "d"])
          yield* TestClock.adjust("1 second")
          const trial = yield* lend()
          assert.strictEqual(trial.id, "a")
          yield* trial.close(broken)
          yield* TestClock.adjust("1 second")
          assert.strictEqual(yield* next, "a")
        }),
      { consecutive: 2, success: 0.1, base: "1 second", longest: "1 second" }
    ))

  it.live("spares calls the instances that nobody listens at", () =>
    Random.withSeed(
      Effect.gen(function*() {
        const member = yield* serve(Greeter, { hello: ({ name }) => Effect.succeed(`Hello, ${name}!`) })
        let doubts = 0
        const registry = Layer.effect(
          Registry,
          Effect.map(
            Registry,
            (registry) => Registry.of({ ...registry, doubt: () => Effect.sync(() => void doubts++) })
          )
        ).pipe(Layer.provide(knowing("greeter", deadAddress, member.address)))
        const greeter = yield* client(Greeter, { registry, selector: ejecting({ base: "1 day", longest: "1 day" }) })
        for (let call = 0; call < 30; call++) yield* greeter.hello({ name: "world" })
        assert.strictEqual(doubts, 1)
      }),
      7
    ))
})
