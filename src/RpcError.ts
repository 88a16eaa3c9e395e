/**
 * The ways a call can miss its handler.
 *
 * A call ends in one of three ways: with what the contract declares (a success or one of its own errors), with an
 * `RpcError` when the infrastructure between caller and handler failed, or with the death of the caller's own fiber.
 * `RpcError` is one class whose `reason` says which of seven things happened, and to whom.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const who = {
  /** Name of the service that was called. */
  service: Schema.String,
  /** Name of the method that was called. */
  method: Schema.String,
  /** What lies beneath, where there is more to know. */
  cause: Schema.optional(Schema.Defect())
}

const because = (cause: unknown): string => cause instanceof Error && cause.message !== "" ? `: ${cause.message}` : ""

/** Nobody took the call. No handler ran, so it is safe to call again. */
export class Unreachable extends Schema.TaggedError<Unreachable>("effect-micro/RpcError/Unreachable")(
  "Unreachable",
  who
) {
  override get message(): string {
    return `Nobody took the call to ${this.service}/${this.method}${because(this.cause)}`
  }
}

/** The wire broke, or the other side vanished, after the call had left. The handler may have run. */
export class Disconnected extends Schema.TaggedError<Disconnected>("effect-micro/RpcError/Disconnected")(
  "Disconnected",
  who
) {
  override get message(): string {
    return `The connection broke during ${this.service}/${this.method}, which may have run${because(this.cause)}`
  }
}

/** Time was up. The handler, where it had started, was interrupted. */
export class DeadlineExceeded extends Schema.TaggedError<DeadlineExceeded>("effect-micro/RpcError/DeadlineExceeded")(
  "DeadlineExceeded",
  who
) {
  override get message(): string {
    return `The deadline of ${this.service}/${this.method} has passed`
  }
}

/** The call was refused on purpose: an instance, or the service as a whole, has too much to do. No handler ran. */
export class Overloaded extends Schema.TaggedError<Overloaded>("effect-micro/RpcError/Overloaded")("Overloaded", {
  ...who,
  /** When to come back, in milliseconds, if the instance said; `Infinity` is not at all. */
  retryAfter: Schema.optional(Schema.Number)
}) {
  override get message(): string {
    const again = this.retryAfter === undefined
      ? ""
      : this.retryAfter === Infinity
      ? "; it asks not to come back"
      : `; it asks to come back in ${this.retryAfter} ms`
    return `${this.service}/${this.method} was refused for overload${because(this.cause)}${again}`
  }
}

/** The instance does not know the service or the method. No handler ran. */
export class Unimplemented extends Schema.TaggedError<Unimplemented>("effect-micro/RpcError/Unimplemented")(
  "Unimplemented",
  who
) {
  override get message(): string {
    return `${this.service}/${this.method} is not implemented by the instance that was asked${because(this.cause)}`
  }
}

/** One side could not encode or decode what the other one sent. */
export class Malformed extends Schema.TaggedError<Malformed>("effect-micro/RpcError/Malformed")("Malformed", who) {
  override get message(): string {
    return `A message of ${this.service}/${this.method} is malformed${because(this.cause)}`
  }
}

/** The handler died: a bug on the other side, not an answer. */
export class RemoteDefect extends Schema.TaggedError<RemoteDefect>("effect-micro/RpcError/RemoteDefect")(
  "RemoteDefect",
  who
) {
  override get message(): string {
    return `The handler of ${this.service}/${this.method} died${because(this.cause)}`
  }
}

/** Why a call missed its handler. */
export const Reason = Schema.Union([
  Unreachable,
  Disconnected,
  DeadlineExceeded,
  Overloaded,
  Unimplemented,
  Malformed,
  RemoteDefect
])

/** Why a call missed its handler. */
export type Reason = typeof Reason.Type

/**
 * The only infrastructure failure a caller sees.
 *
 * **Example** (Recovering from one reason)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as RpcError from "effect-micro/RpcError"
 *
 * const call: Effect.Effect<string, RpcError.RpcError> = RpcError.fail("Unreachable", { service: "orders", method: "place" })
 *
 * export const program = call.pipe(
 *   Effect.catchReason("RpcError", "Unreachable", (reason) => Effect.succeed(`${reason.service} is away`))
 * )
 * ```
 */
export class RpcError extends Schema.TaggedError<RpcError>("effect-micro/RpcError")("RpcError", { reason: Reason }) {
  override get message(): string {
    return this.reason.message
  }

  /** Whether no handler can have run, so that calling again cannot do the work twice. */
  get neverRan(): boolean {
    switch (this.reason._tag) {
      case "Unreachable":
      case "Overloaded":
      case "Unimplemented":
        return true
      default:
        return false
    }
  }
}

const reasons = { Unreachable, Disconnected, DeadlineExceeded, Overloaded, Unimplemented, Malformed, RemoteDefect }

/** An `RpcError` from the name of its reason and the facts. */
export const make = (
  reason: Reason["_tag"],
  facts: {
    readonly service: string
    readonly method: string
    readonly cause?: unknown
    readonly retryAfter?: number | undefined
  }
): RpcError => new RpcError({ reason: new reasons[reason](facts) })

/** A failure with an `RpcError`, from the name of its reason and the facts. */
export const fail = (
  reason: Reason["_tag"],
  facts: Parameters<typeof make>[1]
): Effect.Effect<never, RpcError> => Effect.fail(make(reason, facts))
