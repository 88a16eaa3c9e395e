/** Proves that every fault of the wire ends as the table says, in time, and leaves nothing. */
import { assert, describe, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import type * as Scope from "effect/Scope"
import type { Socket } from "node:net"
import type * as HttpTransport from "../../src/Layers/HttpTransport.ts"
import type { Registry } from "../../src/Registry.ts"
import * as Rpc from "../../src/Rpc.ts"
import { Selector } from "../../src/Selector.ts"
import { client, FirstSelector, knowing, overHttp, serve } from "../suites/fleet.ts"
import { local, ours } from "../tls/certificates.ts"
import { type Book, calls, handlers, isIdempotent, type Kind, Ledger, makeBook } from "./ledger.ts"
import * as Proxy from "./proxy.ts"
import * as Sockets from "./sockets.ts"
import { kinds, type Lane, type Moment, type Outcome, type Row, rows } from "./table.ts"

/** No call may take longer, whatever happens to it. */
const watchdog = "8 seconds"

/** What a call may take that is to be in time, and one that is not. */
const ample = "6 seconds"
const scarce = "300 millis"

/** Timers that the runner of the tests may have beside, come and go. There are far more cells than that. */
const few = 5

const titles: Readonly<Record<Outcome, string>> = {
  "is answered": "is answered all the same",
  moves: "is answered by the other instance",
  Disconnected: "fails as Disconnected",
  DeadlineExceeded: "fails as DeadlineExceeded",
  Malformed: "fails as Malformed"
}

/** Calls of every kind that a lane carries, through every fault that may happen to it. */
export const faultSuite = (lane: Lane): void => {
  const earlier = timers()
  describe(`over ${lane}://, when the connection`, () => {
    for (const moment of ["fresh", "before", "after"] as const) {
      for (const row of rows[moment].filter(({ lanes }) => lanes?.includes(lane) ?? true)) {
        for (const kind of kinds[lane].filter((kind) => row.kinds?.includes(kind) ?? true)) {
          const test = cell({ lane, moment, row, kind })
          it.live(`${row.when}, a call (${kind}) ${titles[row.outcome(lane, kind)]}`, () => leavesNothing(test))
        }
      }
    }
  })
  describe(`all faults together over ${lane}://`, () => {
    it.live("leave no timer behind", () =>
      Effect.gen(function*() {
        yield* settled(() => timers() <= earlier + few)
        assert.isAtMost(timers(), earlier + few)
      }))
  })
}

// ---------------------------------------------------------------------------------------------------------------------

interface Cell {
  readonly lane: Lane
  readonly moment: Moment
  readonly row: Row
  readonly kind: Kind
}

/** One call through one fault. */
const cell = Effect.fnUntraced(function*({ kind, lane, moment, row }: Cell) {
  const outcome = row.outcome(lane, kind)
  const stalls = moment === "fresh" && row.isSilent === true
  const { book, ledger, prefer, proxy } = yield* fleet(lane, stalls ? scarce : ample)
  // However long it takes: the one connection that must not be there yet is the other one.
  yield* Effect.retry(ledger.enter({ id: "healthy", text: "" }), { times: 20 })
  prefer("a")
  if (moment !== "fresh") yield* ledger.enter({ id: "used", text: "" })

  const fault = row.fault(lane)
  if (typeof fault === "string") book.stuck.add("a")
  else yield* proxy.arm(fault)
  const call = calls[kind](ledger, "it").pipe(
    Rpc.withTimeout(outcome === "DeadlineExceeded" ? scarce : ample),
    Effect.timeoutOrElse({ duration: watchdog, orElse: () => Effect.die(new Error(`no outcome within ${watchdog}`)) }),
    Effect.match({
      onFailure: ({ reason }) => reason._tag,
      onSuccess: (lines) => [...new Set(lines.map(({ by }) => by))].join()
    })
  )
  const calling = yield* Effect.forkChild(call, { startImmediately: true })
  if (typeof fault === "string") {
    yield* Deferred.await(book.working)
    yield* proxy.strike(fault)
  }
  const end = yield* Fiber.join(calling)
  if (typeof fault === "object") yield* proxy.struck
  assert.strictEqual(end, ends[outcome] ?? outcome)

  const runs = book.runs.get("it") ?? []
  if (moment === "before") assert.notInclude(runs, "a")
  assert.isAtMost(runs.length, isIdempotent(kind) ? 2 : 1)
  if (outcome === "moves" || outcome === "is answered") assert.include(runs, end)
  book.stuck.clear()
  // What is lost with the rest of a broken connection is repeated by the other one.
  if (row.isSilent !== true) assert.include(["a", "b"], (yield* ledger.enterAgain({ id: "next", text: "" })).by)
  return book
})

const ends: Partial<Record<Outcome, string>> = { "is answered": "a", moves: "b" }

/** Instance `a` behind a proxy, `b` as it is, and a client that calls the one it is told to prefer. */
const fleet = Effect.fnUntraced(function*(lane: Lane, connectTimeout: Duration.Input) {
  const book = makeBook()
  const isSafe = lane === "micros"
  const transport = overHttp(isSafe ? { tls } : {})
  const portOf = (by: string) =>
    Effect.map(serve(Ledger, handlers(by, book), { transport }), ({ address }) => Number(new URL(address).port))
  const [a, b] = [yield* portOf("a"), yield* portOf("b")]
  const proxy = yield* Proxy.make(a)
  let preferred = "b"
  const ledger = yield* client(Ledger, {
    registry: knowing(Ledger.key, `${lane}://127.0.0.1:${proxy.port}`, `${lane}://127.0.0.1:${b}`),
    selector: preferring(() => preferred),
    transport: overHttp({ connectTimeout, ...isSafe && { tls: { ca: ours.cert } } })
  })
  const prefer = (id: string) => {
    preferred = id
  }
  return { book, ledger, prefer, proxy }
})

/** Lends one instance to every call; and once that is `a`, another one to a call that has been there. */
const preferring = (id: () => string): Layer.Layer<Selector, never, Registry> =>
  Layer.effect(
    Selector,
    Effect.map(Selector, (selector) =>
      Selector.of({
        ...selector,
        select: (service, lease, options) => {
          const preferred = id()
          const isMoved = preferred === "a" && options?.avoid !== undefined
          return selector.select(service, lease, isMoved ? options : { keep: ({ id }) => id === preferred })
        }
      }))
  ).pipe(Layer.provide(FirstSelector))

const tls: HttpTransport.TlsOptions = local()

/** Runs a cell, and waits until its sockets, handlers and fibers have gone, and the event loop is as it was. */
const leavesNothing = Effect.fnUntraced(function*<E>(cell: Effect.Effect<Book, E, Scope.Scope>) {
  const before = handles().length
  const sockets = yield* Sockets.watch
  let fibers = 0
  const counting = { recordFiberStart: () => void fibers++, recordFiberEnd: () => void fibers-- }
  const book = yield* cell.pipe(Effect.scoped, Effect.provideService(Metric.FiberRuntimeMetrics, counting))
  const left = () => ({ fibers, handlers: book.open, sockets: open(sockets), handles: handles().length })
  const nothing = { fibers: 0, handlers: 0, sockets: 0, handles: before }
  yield* settled(() => JSON.stringify(left()) === JSON.stringify(nothing))
  assert.isAbove(sockets.size, 3)
  assert.deepStrictEqual(left(), nothing)
})

/** Waits until something is so, or two seconds have passed. */
const settled = (isSo: () => boolean) => Effect.repeat(Effect.sleep("5 millis"), { until: isSo, times: 400 })

const open = (sockets: ReadonlySet<Socket>): number => [...sockets].filter(({ destroyed }) => !destroyed).length

/** What this process has of the network. */
const handles = (): ReadonlyArray<string> => process.getActiveResourcesInfo().filter((name) => /TCP|TLS/.test(name))

const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length
