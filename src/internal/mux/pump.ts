/**
 * The messages of a streaming caller on their way out, pulled by a fiber of their own.
 *
 * It starts with the first credit, so that nothing is pulled before the handler asks for it.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { LimitExceeded, TransportError } from "../../Transport.ts"
import { Type } from "./frames.ts"
import * as Outlet from "./outlet.ts"
import type { Wire } from "./wire.ts"

export interface Options {
  /** Where the messages run: the context of their caller. */
  readonly context: Context.Context<never>
  /** The messages died, or one of them is too large to be sent: so ends the call. */
  readonly failed: (exit: Exit.Exit<never, TransportError>) => void
}

export interface Pump {
  /** The number of the call. */
  readonly number: (id: number) => void
  readonly credit: (bytes: number) => void
  readonly stop: () => void
}

/** A pump of a call's messages. */
export const make = (wire: Wire, messages: Stream.Stream<Uint8Array>, options: Options): Pump => {
  const { gate, limits, outflow, socket, writer } = wire
  let id = 0
  let fiber: Fiber.Fiber<void, TransportError> | undefined
  let stopped = false
  const outlet = Outlet.make<Uint8Array>({
    socket,
    gate,
    outflow,
    initial: 0,
    size: (message) => message.length,
    write: (message, sent) => writer.bytes(Type.Message, 0, id, message, sent)
  })
  const isLarge = (message: Uint8Array) => message.length > limits.message
  const pumping = Stream.runForEachArray(messages, (chunk): Effect.Effect<void, TransportError> => {
    const large = chunk.find(isLarge)
    return large === undefined ? outlet.send(chunk) : tooLarge(wire, large.length)
  })
  const start = () => {
    fiber = Effect.runForkWith(options.context)(pumping)
    fiber.addObserver((exit) => {
      if (stopped) return
      if (exit._tag === "Success") return writer.frame(Type.End, 0, id)
      options.failed(Exit.failCause(exit.cause))
    })
  }
  return {
    number: (given) => {
      id = given
    },
    credit: (bytes) => {
      if (stopped) return
      outlet.credit(bytes)
      if (fiber === undefined) start()
    },
    stop: () => {
      stopped = true
      fiber?.interruptUnsafe()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const tooLarge = ({ limits, options }: Wire, actual: number) => {
  const reason = new LimitExceeded({ address: options.address, limit: "A message", allowed: limits.message, actual })
  return Effect.fail(new TransportError({ reason }))
}
