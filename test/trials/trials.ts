/** What is done to a fleet under load, one thing after the other, and what its callers see of it. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Latch from "effect/Latch"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { EjectingSelectorLive } from "../../src/Layers/EjectingSelector.ts"
import { PeakEwmaSelectorLive } from "../../src/Layers/PeakEwmaSelector.ts"
import { SteadyRegistryLive } from "../../src/Layers/SteadyRegistry.ts"
import { Registry } from "../../src/Registry.ts"
import { client } from "../suites/fleet.ts"
import * as Fleet from "./fleet.ts"
import { Task } from "./member.ts"

/** What callers saw while one thing was done. */
export interface Trial {
  readonly name: string
  readonly calls: number
  readonly failed: number
  /** What the first that failed said. */
  readonly why: string | undefined
  /** In milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly longest: number
}

/** How much is done. */
export interface Plan {
  readonly members: number
  readonly callers: number
  /** Each trial goes on until so many calls have ended. */
  readonly calls: number
  /** Milliseconds that a process is stopped for. */
  readonly stopped: number
}

/** Does one thing after the other, and tells of each. */
export const run = (
  { callers, calls, members, stopped }: Plan
): Effect.Effect<ReadonlyArray<Trial>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const fleet = yield* Fleet.make
    const present = yield* Effect.all(Array.from({ length: members }, () => fleet.start), { concurrency: 2 })
    const registry = Layer.provide(SteadyRegistryLive, Layer.succeed(Registry, fleet.registry))
    const task = yield* client(Task, {
      registry,
      selector: Layer.provide(EjectingSelectorLive, PeakEwmaSelectorLive)
    })
    const book = new Book()
    const call = Effect.gen(function*() {
      const [elapsed, exit] = yield* Effect.timed(Effect.exit(task.run(book.calls)))
      book.note(Duration.toMillis(elapsed), exit)
    })
    yield* Effect.all(Array.from({ length: callers }, () => Effect.forkScoped(Effect.forever(call))))

    /** Has callers see what is done, and what comes of it. */
    const trial = (name: string, deed: Effect.Effect<void, never, Scope.Scope>) =>
      Effect.gen(function*() {
        const enough = book.open(calls)
        yield* deed
        yield* enough
        return book.close(name)
      })
    const replace = Effect.fnUntraced(function*(index: number, signal: "SIGKILL" | "SIGTERM") {
      const old = present[index]!
      yield* old.signal(signal)
      yield* old.gone
      present[index] = yield* fleet.start
      yield* old.strike
    })
    const halt = Effect.gen(function*() {
      const [member] = present
      yield* member!.signal("SIGSTOP")
      yield* Effect.sleep(stopped)
      yield* member!.signal("SIGCONT")
    })

    // The first calls wait for connections, and nothing is known of anybody.
    yield* trial("warm-up", Effect.void)
    return [
      yield* trial("nothing", Effect.void),
      yield* trial("one is killed, and another one started", replace(0, "SIGKILL")),
      yield* trial("one is stopped, and goes on", halt),
      yield* trial("one is slowed down", present[1]!.slow(10)),
      yield* trial("that one is restarted", replace(1, "SIGTERM")),
      yield* trial(
        "all are restarted, one after the other",
        Effect.forEach(present.keys(), (index) => replace(index, "SIGTERM"), { discard: true })
      )
    ]
  })

// ---------------------------------------------------------------------------------------------------------------------

/** What callers have seen since it was opened. */
class Book {
  calls = 0
  #failed = 0
  #why: string | undefined
  #elapsed: Array<number> = []
  #wanted = Infinity
  #enough = Latch.makeUnsafe()

  note(elapsed: number, exit: Exit.Exit<number, unknown>): void {
    this.calls++
    this.#elapsed.push(elapsed)
    if (this.calls === this.#wanted) this.#enough.openUnsafe()
    if (Exit.isSuccess(exit)) return
    this.#failed++
    this.#why ??= String(exit.cause) + ` after ${elapsed.toFixed(1)} ms`
  }

  /** Forgets all; completes when so many calls have ended. */
  open(wanted: number): Effect.Effect<void> {
    this.calls = 0
    this.#failed = 0
    this.#why = undefined
    this.#elapsed = []
    this.#wanted = wanted
    this.#enough = Latch.makeUnsafe()
    return this.#enough.await
  }

  close(name: string): Trial {
    const sorted = this.#elapsed.toSorted((a, b) => a - b)
    const quantile = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0
    const times = { p50: quantile(0.5), p99: quantile(0.99), longest: quantile(1) }
    return { name, calls: this.calls, failed: this.#failed, why: this.#why, ...times }
  }
}
