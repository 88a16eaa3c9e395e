/**
 * Calls to handlers: the answering half of an `Rpc`.
 *
 * A dispatcher is the exchange of one service. It finds the method and the format, decodes, runs the handler as the
 * plain function it is, and encodes. Whatever goes wrong on that road becomes a failure reply, and no handler runs.
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Codec, UnknownContentType } from "../../Codec.ts"
import type * as Contract from "../../Contract.ts"
import { type Call, type Exchange, type Failure, failure, type Reply } from "../../Transport.ts"
import * as Eager from "../eager.ts"
import { now } from "../wheel.ts"
import * as Accept from "./accept.ts"
import * as Admission from "./admission.ts"
import * as Limit from "./limit.ts"
import type { Answering, Method } from "./methods.ts"
import * as Methods from "./methods.ts"
import * as Running from "./running.ts"
import { type Handler, makeGround, type Route, type Serving, turnedAway } from "./serving.ts"
import { single } from "./single.ts"
import { head, type Messages, streamed } from "./streamed.ts"
import * as Tally from "./tally.ts"

export interface Dispatcher {
  readonly exchange: Exchange
  /** Refuses new calls as `Unavailable`; completes when the last running one has ended. */
  readonly drain: Effect.Effect<void>
  /** Takes back the metrics. */
  readonly forget: () => void
  readonly methods: ReadonlyArray<Method>
}

/** Answers the calls of a contract with handlers that run in a context; all of them at once where none are admitted. */
export const make = <M extends Contract.Methods, R>(
  contract: Contract.Definition<M>,
  handlers: Contract.Procedures<M, R>,
  codec: Codec["Service"],
  services: Context.Context<R>,
  admission: Admission.Admission | undefined
): Dispatcher => {
  const methods = Methods.make(contract, codec)
  const running = Running.make()
  const ground = makeGround(services as Context.Context<never>)
  const tallies = Tally.make(contract.key, ground.context, running, admission)
  const routes = routesOf(methods, handlers as Record<string, Handler>, tallies, admission)
  const leaving = failure("Unavailable", `This instance of ${contract.key} is leaving`)
  const serve = (call: Call): Serving | Failure => {
    if (running.refusing) return leaving
    const route = routes.get(call.method)
    if (route === undefined) return failure("Unimplemented", `${contract.key} has no method ${call.method}`)
    const coders = codersOf(call, route.method, codec)
    return typeof coders === "string"
      ? failure("Malformed", coders)
      : { _tag: "Serving", route, coders, call, ground, running, arrived: now(ground.clock) }
  }

  const stream: Exchange["stream"] = (call, messages) =>
    Stream.suspend(() => {
      const serving = serve(call)
      return serving._tag === "Failure" ? Stream.succeed(serving) : admittedStream(serving, messages)
    })
  const begin: Eager.Begin = (call, message) => {
    const serving = serve(call)
    if (serving._tag === "Failure") return Effect.succeed(serving)
    const { streamsIn, streamsOut } = serving.route.method
    return streamsIn || streamsOut ? head(stream(call, message), call) : admitted(serving, message)
  }
  const unary: Exchange["unary"] = (call, message) => Effect.suspend(() => begin(call, message))
  const drain = Effect.suspend(() => {
    if (admission !== undefined) Admission.dismiss(admission, leaving)
    return running.drain
  })
  return {
    exchange: Eager.make({ unary, stream, load: loadOf(running, admission) }, begin),
    drain,
    forget: tallies.remove,
    methods
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Calls that run and that wait, and what they take. */
const loadOf = (running: Running.Running, admission: Admission.Admission | undefined): Exchange["load"] => () => ({
  inFlight: running.count + (admission?.waiting.size ?? 0),
  serviceTime: running.serviceTime()
})

/** Each method with its handler, by its name and by its endpoint. */
const routesOf = (
  methods: ReadonlyArray<Method>,
  handlers: Readonly<Record<string, Handler>>,
  tallies: Tally.Tallies,
  admission: Admission.Admission | undefined
): ReadonlyMap<string, Route> =>
  new Map(methods.flatMap((method) => {
    const route: Route = {
      method,
      handler: handlers[method.name],
      profile: Limit.profile(),
      tally: tallies.of(method.endpoint),
      admission: method.limited ? admission : undefined
    }
    return [[method.name, route], [method.endpoint, route]]
  }))

/** Who admits a call that cannot begin at once. */
const doorOf = ({ arrived, route: { admission } }: Serving): Admission.Admission | undefined =>
  admission === undefined || Admission.isOpen(admission, arrived) ? undefined : admission

/** A unary call, now or when there is a place. */
const admitted = (serving: Serving, message: Uint8Array): Effect.Effect<Reply> => {
  const door = doorOf(serving)
  if (door === undefined) return single(serving, message, serving.arrived)
  const { call, ground } = serving
  const refused = Admission.refuse(door, call, message.length)
  if (refused !== undefined) return Effect.succeed(turnedAway(serving, refused))
  // What the transport has read is its own again once this returns.
  const kept = new Uint8Array(message)
  return Effect.flatMap(Admission.wait(door, call, kept.length, 1), (refused) =>
    refused === undefined
      ? single(serving, kept, now(ground.clock))
      : Effect.succeed(turnedAway(serving, refused)))
}

/**
 * A stream, now or when there is a place. Once it has begun it takes none: how long it goes on is up to its caller as
 * much as to its handler, and says nothing about what this server can do.
 */
const admittedStream = (serving: Serving, messages: Messages): Stream.Stream<Reply> => {
  const door = doorOf(serving)
  if (door === undefined) return streamed(serving, messages)
  const kept = messages instanceof Uint8Array ? new Uint8Array(messages) : messages
  const bytes = kept instanceof Uint8Array ? kept.length : 0
  const refused = Admission.refuse(door, serving.call, bytes)
  if (refused !== undefined) return Stream.succeed(turnedAway(serving, refused))
  return Stream.unwrap(Effect.map(
    Admission.wait(door, serving.call, bytes, Admission.streamPatience),
    (refused) => refused === undefined ? streamed(serving, kept) : Stream.succeed(turnedAway(serving, refused))
  ))
}

/** The coders of the formats that a call is in and wants its answer in; or why there are none. */
const codersOf = (call: Call, method: Method, codec: Codec["Service"]): Answering | string => {
  const { contentType } = call
  const problem = Accept.problemOf(call, method)
  if (problem !== undefined) return problem
  const read = codec.find(contentType)
  if (read === undefined) return new UnknownContentType({ contentType, spoken: codec.contentTypes }).message
  const write = Accept.choose(call, read, codec)
  return write === undefined
    ? `No content type that is accepted is spoken here; ${codec.contentTypes.join(", ")} can be`
    : method.answering(read, write)
}
