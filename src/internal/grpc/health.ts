/**
 * `grpc.health.v1.Health`: whether the services of a port take calls, for who speaks gRPC and nothing of ours.
 *
 * ```proto
 * message HealthCheckRequest { string service = 1; }
 * message HealthCheckResponse { ServingStatus status = 1; }
 * ```
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { type Call, type Exchange, failure, isFailure, type Reply } from "../../Transport.ts"
import * as Fields from "./fields.ts"
import * as Paths from "./paths.ts"
import { Code, type Coded } from "./statusCodes.ts"

/** The package that it is a part of, which is a service to us. */
export const service = "grpc.health.v1"

/** Who is asked for. */
export interface Options {
  readonly find: (service: string) => Exchange | undefined
  readonly services: () => Iterable<string>
}

/**
 * Tells of the services that are served.
 *
 * **Details**
 *
 * A service is asked itself, by a call of a method that it does not have. One that is about to leave refuses every call
 * as `Unavailable`; whatever else it answers, it is there. All of them together, `""`, serve while each of them does.
 */
export const make = (options: Options): Exchange => ({
  unary: (call, message) =>
    call.method === "Health.Check" ? check(options, call, message) : Effect.succeed(unknown(call)),
  stream: (call, messages) => {
    const first = messages instanceof Uint8Array ? Stream.succeed(messages) : Stream.take(messages, 1)
    switch (call.method) {
      case "Health.Check":
        return Stream.mapEffect(first, (message) => check(options, call, message))
      case "Health.Watch":
        return Stream.flatMap(first, (message) => watch(options, call, message))
      default:
        return Stream.succeed(unknown(call))
    }
  }
})

// ---------------------------------------------------------------------------------------------------------------------

const Status = { Serving: 1, NotServing: 2, ServiceUnknown: 3 } as const

/** Between two looks of somebody who watches. */
const interval = "1 second"

/** What a service may take to refuse a call. */
const patience = "1 second"

const unknown = ({ method }: Call): Reply => failure("Unimplemented", `${service} has no method ${method}`)

const notFound = (name: string): Coded => ({
  ...failure("Unimplemented", `${name} is not served here`),
  code: Code.NotFound
})

const check = (options: Options, call: Call, message: Uint8Array): Effect.Effect<Reply> => {
  const name = nameOf(call, message)
  if (typeof name !== "string") return Effect.succeed(name)
  return Effect.map(
    status(options, name),
    (status) => status === Status.ServiceUnknown ? notFound(name) : Fields.number(1, status)
  )
}

/** The status at once, and each that is another one than before. One that is not known may come to be. */
const watch = (options: Options, call: Call, message: Uint8Array): Stream.Stream<Reply> => {
  const name = nameOf(call, message)
  if (typeof name !== "string") return Stream.succeed(name)
  return Stream.tick(interval).pipe(
    Stream.mapEffect(() => status(options, name)),
    Stream.changes,
    Stream.map((status) => Fields.number(1, status))
  )
}

const nameOf = ({ contentType }: Call, message: Uint8Array): string | Reply => {
  if (contentType !== "application/protobuf") return failure("Malformed", "Health is told of in protobuf alone")
  const fields = Fields.read(message)
  return fields === undefined ? failure("Malformed", "This is no HealthCheckRequest") : Fields.text(fields, 1)
}

const status = ({ find, services }: Options, name: string): Effect.Effect<number> => {
  const all = [...services()].filter((name) => name !== service)
  const target = name === "" ? all : [Paths.resolve({ service: name, method: "" }, all)?.service ?? ""]
  const exchanges = target.map(find).filter((exchange) => exchange !== undefined)
  if (exchanges.length < target.length) return Effect.succeed(Status.ServiceUnknown)
  return Effect.map(
    Effect.forEach(exchanges, (exchange, index) => serves(exchange, target[index])),
    (all) => all.every((serves) => serves) ? Status.Serving : Status.NotServing
  )
}

const serves = (exchange: Exchange, name: string): Effect.Effect<boolean> => {
  const call = { service: name, method: `${service}.Health/Check`, contentType: "application/protobuf", headers: {} }
  return Effect.map(
    Effect.timeoutOption(exchange.unary(call, new Uint8Array(0)), patience),
    (reply) => reply._tag === "None" || !isFailure(reply.value) || reply.value.status !== "Unavailable"
  )
}
