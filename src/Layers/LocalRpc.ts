/**
 * Contracts called and answered in one process: a call is a call of the handler.
 *
 * Nothing is encoded, nothing is found and nothing is dialled, and the caller sees the same answers as over a network:
 * the contract's own errors as they are, a handler's death as `RemoteDefect`, a service that nobody serves as
 * `Unreachable`. What the handlers need comes from their own layer, not from the caller.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Wire } from "../Codec.ts"
import * as Contract from "../Contract.ts"
import * as Exits from "../internal/exits.ts"
import * as Running from "../internal/rpc/running.ts"
import * as Trace from "../internal/trace.ts"
import { now } from "../internal/wheel.ts"
import { CurrentCall, CurrentDeadline, CurrentHeaders, Rpc, ServeError } from "../Rpc.ts"
import * as RpcError from "../RpcError.ts"
import { CannotListen, TransportError } from "../Transport.ts"

/** An `Rpc` whose handlers are in this process. */
export const make: Effect.Effect<Rpc["Service"]> = Effect.sync(() => {
  const served = new Map<string, Served>()

  const serve: Rpc["Service"]["serve"] = (contract, handlers) =>
    Effect.gen(function*() {
      const context = Running.base(yield* Effect.context<never>())
      if (served.has(contract.key)) return yield* alreadyServed(contract.key)
      const running = Running.make()
      yield* Effect.acquireRelease(
        Effect.sync(() => served.set(contract.key, { handlers: handlers as Served["handlers"], context, running })),
        () => Effect.andThen(Effect.sync(() => served.delete(contract.key)), running.drain)
      )
    })

  const client: Rpc["Service"]["client"] = (contract) =>
    Effect.sync(() =>
      Object.fromEntries(
        Object.entries(contract.methods).map(([name, erased]) => {
          const definition = erased as Contract.Method<Contract.Side, Contract.Side, Wire>
          const line: Line = {
            service: contract.key,
            name,
            method: Contract.endpoint(contract.key, name, definition),
            streamsIn: Contract.isStreamed(definition.payload)
          }
          return [name, Contract.isStreamed(definition.success) ? many(line, served) : one(line, served)]
        })
      ) as never
    )

  return Rpc.of({ client, serve })
})

/** An `Rpc` whose handlers are in this process. */
export const layer: Layer.Layer<Rpc> = Layer.effect(Rpc, make)

/** An `Rpc` whose handlers are in this process. */
export const LocalRpcLive: Layer.Layer<Rpc> = layer

// ---------------------------------------------------------------------------------------------------------------------

/** A service that is answered here. */
interface Served {
  readonly handlers: Record<string, (payload: unknown) => unknown>
  readonly context: Context.Context<never>
  readonly running: Running.Running
}

/** One method of one service. */
interface Line {
  readonly service: string
  readonly name: string
  readonly method: string
  readonly streamsIn: boolean
}

/** The services that are answered here, by name. */
type Services = ReadonlyMap<string, Served>

const one = (line: Line, services: Services) => (payload: unknown): Effect.Effect<unknown, unknown> =>
  Effect.withFiber((fiber) => {
    const served = services.get(line.service)
    const rest = remaining(fiber)
    if (served === undefined || rest === 0) return refused(line, served)
    const input = makeInput(line, fiber, payload)
    const failed = (cause: Cause.Cause<unknown>) => Exit.failCause(translated(line, input, cause))
    const handled = begun(served.handlers[line.name], input.payload)
    // A handler that is done already needs neither a context nor a place among those that run.
    if (Exits.isExit(handled)) return handled._tag === "Success" ? handled : failed(handled.cause)
    const context = contextOf(line, served, fiber, rest)
    const call: Effect.Effect<unknown, unknown> = Effect.updateContext(handled, () => context)
    served.running.enter()
    return Effect.onExit(
      Effect.catchCause(timed(line, rest, call), failed),
      () => Effect.sync(served.running.leave)
    )
  })

const many = (line: Line, services: Services) => (payload: unknown): Stream.Stream<unknown, unknown> =>
  Stream.unwrap(Effect.withFiber((fiber) => {
    const served = services.get(line.service)
    const rest = remaining(fiber)
    if (served === undefined || rest === 0) return refused(line, served)
    const input = makeInput(line, fiber, payload)
    const handled = Stream.suspend(() => served.handlers[line.name](input.payload) as Stream.Stream<unknown, unknown>)
    const context = contextOf(line, served, fiber, rest)
    const answered: Stream.Stream<unknown, unknown> = Running.within(handled, context)
    const replies = Stream.catchCause(answered, (cause) => Stream.failCause(translated(line, input, cause)))
    return Effect.as(
      served.running.scoped,
      rest === undefined
        ? replies
        : Stream.interruptWhen(replies, Effect.andThen(Effect.sleep(rest), RpcError.fail("DeadlineExceeded", line)))
    )
  }))

/** A call for which there is nobody, or no time. */
const refused = (line: Line, served: Served | undefined) =>
  RpcError.fail(served === undefined ? "Unreachable" : "DeadlineExceeded", line)

/** What the handler returns; one that throws dies. */
const begun = (handler: (payload: unknown) => unknown, payload: unknown): Effect.Effect<unknown, unknown> => {
  try {
    return handler(payload) as Effect.Effect<unknown, unknown>
  } catch (defect) {
    return Exit.die(defect)
  }
}

/** What goes in. A stream of the caller's runs as the caller's, and its failure is the caller's own. */
interface Input {
  readonly payload: unknown
  failure: unknown
}

const makeInput = (line: Line, fiber: Fiber.Fiber<unknown, unknown>, payload: unknown): Input => {
  if (!line.streamsIn) return { payload, failure: undefined }
  const messages = Running.within(payload as Stream.Stream<unknown, RpcError.RpcError>, fiber.context)
  const input: Input = {
    payload: Stream.tapError(messages, (error) =>
      Effect.sync(() => {
        input.failure = error
      })),
    failure: undefined
  }
  return input
}

/** The context of a handler: its own, with the call, its deadline and its trace. */
const contextOf = (
  line: Line,
  served: Served,
  fiber: Fiber.Fiber<unknown, unknown>,
  timeout: number | undefined
): Context.Context<never> => {
  const deadline = fiber.getRef(CurrentDeadline)
  const span = Trace.current(fiber)
  const call = {
    service: line.service,
    method: line.method,
    contentType: "",
    headers: fiber.getRef(CurrentHeaders),
    timeout
  }
  let context = Running.prioritized(Context.add(served.context, CurrentCall, call), call)
  if (deadline !== undefined) context = Context.add(context, CurrentDeadline, deadline)
  return span === undefined ? context : Context.add(context, Tracer.ParentSpan, span)
}

const remaining = (fiber: Fiber.Fiber<unknown, unknown>): number | undefined => {
  const deadline = fiber.getRef(CurrentDeadline)
  return deadline === undefined ? undefined : Math.max(0, deadline - now(fiber.getRef(Clock.Clock)))
}

const timed = <A, E>(line: Line, duration: number | undefined, effect: Effect.Effect<A, E>) =>
  duration === undefined
    ? effect
    : Effect.timeoutOrElse(effect, { duration, orElse: () => RpcError.fail("DeadlineExceeded", line) })

/** What the caller is told of a handler that did not succeed: the same as over a network. */
const translated = (line: Line, input: Input, cause: Cause.Cause<unknown>): Cause.Cause<unknown> => {
  const error = Cause.findErrorOption(cause)
  if (error._tag === "None") return Cause.fail(RpcError.make("RemoteDefect", { ...line, cause: Cause.squash(cause) }))
  if (!(error.value instanceof RpcError.RpcError) || error.value === input.failure) return cause
  const { reason } = error.value
  return reason._tag === "DeadlineExceeded" || reason._tag === "Malformed"
    ? cause
    : Cause.fail(RpcError.make("RemoteDefect", { ...line, cause: error.value }))
}

const alreadyServed = (service: string) =>
  Effect.fail(
    new ServeError({
      service,
      cause: new TransportError({
        reason: new CannotListen({ address: "this process", problem: `${service} is served already` })
      })
    })
  )
