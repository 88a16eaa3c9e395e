/**
 * Calls over a connection of gRPC with many messages on one side or both.
 */
import type * as Cause from "effect/Cause"
import * as Causes from "effect/Cause"
import * as Channel from "effect/Channel"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { ClientHttp2Stream } from "node:http2"
import type { Call, Connection, Reply, TransportError } from "../../Transport.ts"
import * as Deadline from "../deadline.ts"
import * as Inlet from "../inlet.ts"
import * as Outlet from "../outlet.ts"
import type { Entry } from "../wheel.ts"
import * as Asking from "./asking.ts"
import * as Framing from "./framing.ts"
import * as Wire from "./wire.ts"

/** Makes such calls over a wire. */
export const make = (wire: Wire.Wire): Connection["stream"] => (call, messages) =>
  // Uninterruptible, so that no call is opened without the finalizer that cancels it.
  Stream.fromChannel(Channel.fromTransform((_, scope) =>
    Effect.uninterruptible(Effect.withFiber((fiber) => {
      const isOne = messages instanceof Uint8Array
      const opened = Wire.open(wire, call, isOne ? "one" : "many", isOne ? messages.length : 0)
      if (Wire.isRefused(opened)) return Effect.map(Wire.refuse(opened), only)
      const asked = ask(wire, opened, call, messages, fiber.context)
      return Effect.as(Scope.addFinalizer(scope, Effect.sync(asked.drop)), asked.pull)
    }))
  ))

// ---------------------------------------------------------------------------------------------------------------------

type Chunk<A> = readonly [A, ...Array<A>]

const done: Exit.Exit<never, Cause.Done> = Exit.fail(Causes.Done())

/** A pull of one reply. */
const only = (reply: Reply): Pull.Pull<Chunk<Reply>> => {
  let given = false
  return Effect.suspend((): Exit.Exit<Chunk<Reply>, Cause.Done> => {
    if (given) return done
    given = true
    return Exit.succeed([reply])
  })
}

interface Asked {
  readonly pull: Pull.Pull<Chunk<Reply>, TransportError>
  /** Gives the call up. */
  readonly drop: () => void
}

const ask = (
  wire: Wire.Wire,
  stream: ClientHttp2Stream,
  call: Call,
  messages: Uint8Array | Stream.Stream<Uint8Array>,
  context: Context.Context<never>
): Asked => {
  let entry: Entry | undefined
  const over = () => {
    if (entry !== undefined) wire.options.wheel.remove(entry)
    pump?.stop()
  }
  const drop = () => {
    over()
    asking.drop()
  }
  const asking = new Asking.Asking(wire, stream, call, {
    begun: () => pump?.start(),
    ended: (end) => {
      over()
      if (end === "done") inlet.end(done)
      else if (end._tag === "Failure") inlet.end(done, end)
      else inlet.end(Exit.fail(end))
    }
  })
  const inlet = Inlet.make<Reply, TransportError>(stream, (read) => asking.read(read), () => undefined)
  const pump = messages instanceof Uint8Array ? undefined : makePump(wire, stream, messages, context, (exit) => {
    drop()
    inlet.end(exit)
  })
  entry = Deadline.watch(wire.options.wheel, call, (expired) => {
    drop()
    inlet.end(done, expired)
  })
  if (messages instanceof Uint8Array) stream.end(Framing.pack([messages]))
  // Others do not tell when they begin to read.
  else if (!wire.isOwn) pump?.start()
  return { pull: inlet.pull, drop }
}

interface Pump {
  readonly start: () => void
  readonly stop: () => void
}

/** The messages of a caller, pulled by a fiber of their own. */
const makePump = (
  { options: { address, maxMessage } }: Wire.Wire,
  stream: ClientHttp2Stream,
  messages: Stream.Stream<Uint8Array>,
  context: Context.Context<never>,
  failed: (exit: Exit.Exit<never, TransportError>) => void
): Pump => {
  let fiber: Fiber.Fiber<void, TransportError> | undefined
  let stopped = false
  const pumping = Stream.runForEachArray(messages, (chunk): Effect.Effect<void, TransportError> => {
    const large = chunk.find((message) => message.length > maxMessage)
    return large === undefined
      ? Outlet.send(stream, chunk, Framing.pack)
      : Effect.fail(Wire.exceeded(address, "A message", maxMessage, large.length))
  })
  return {
    start: () => {
      if (stopped || fiber !== undefined) return
      fiber = Effect.runForkWith(context)(pumping)
      fiber.addObserver((exit) => {
        if (stopped) return
        if (exit._tag === "Success") stream.end()
        else failed(Exit.failCause(exit.cause))
      })
    },
    stop: () => {
      stopped = true
      fiber?.interruptUnsafe()
    }
  }
}
