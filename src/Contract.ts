/**
 * What a service can do, as schemas; shared by those who call it and those who answer.
 *
 * A contract is the service tag of its own client. Its client and its handlers are the same record of functions, so a
 * test double is `Layer.succeed(Orders, handlers)`, a proxy is one line, and where the other end lives is a choice of
 * layers. The words are those of `effect/rpc`: payload, success, error.
 *
 * **Example** (A contract)
 *
 * ```ts
 * import * as Schema from "effect/Schema"
 * import * as Contract from "effect-micro/Contract"
 *
 * class OutOfStock extends Schema.TaggedError<OutOfStock>()("OutOfStock", { sku: Schema.String }) {}
 *
 * export class Orders extends Contract.Service<Orders>()("orders", {
 *   place: Contract.method({ payload: { sku: Schema.String }, success: Schema.String, error: OutOfStock }),
 *   follow: Contract.method({ payload: Schema.String, success: Contract.stream(Schema.Int), idempotent: true })
 * }) {}
 * ```
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import type * as Stream from "effect/Stream"
import type { Wire } from "./Codec.ts"
import type { RpcError } from "./RpcError.ts"

const StreamedTypeId = "~effect-micro/Contract/Streamed"
const MethodTypeId = "~effect-micro/Contract/Method"

/** One side of a method that is many messages instead of one. */
export interface Streamed<out S extends Wire> {
  readonly [StreamedTypeId]: typeof StreamedTypeId
  readonly schema: S
}

/** Marks one side of a method as many messages instead of one. */
export const stream = <S extends Wire>(schema: S): Streamed<S> => ({ [StreamedTypeId]: StreamedTypeId, schema })

/** Whether a side is many messages. */
export const isStreamed = (side: Side): side is Streamed<Wire> => Predicate.hasProperty(side, StreamedTypeId)

/** What goes in, or comes out: one message or many. */
export type Side = Wire | Streamed<Wire>

// Erased: were the schemas named in the constraint of a record of methods, `method({})` inside it would infer `any`.
/** A method of whatever schemas. */
export interface AnyMethod {
  readonly [MethodTypeId]: typeof MethodTypeId
}

/** How long a call is waited for before a second instance is asked: so long, or as long as 95 of a hundred calls take. */
export type Hedge = "p95" | Duration.Input

/** Whether a method may run twice; only one that may can be hedged. */
type Repetition =
  | { readonly idempotent?: boolean | undefined; readonly hedge?: undefined }
  | { readonly idempotent: true; readonly hedge?: Hedge | undefined }

/** What one remote procedure takes, gives and fails with. */
export interface Method<out I extends Side, out O extends Side, out E extends Wire> extends AnyMethod {
  readonly payload: I
  readonly success: O
  readonly error: E
  /** May run twice: on another instance when the connection broke, or when the first one does not answer. */
  readonly idempotent: boolean
  /** When a call that is not answered is sent to a second instance as well. */
  readonly hedge: Hedge | undefined
  /** Whether a server that has too much to do may let its calls wait, or refuse them. */
  readonly limited: boolean
  /** Its name on the wire, where that is not to be derived from the service's and its own. */
  readonly endpoint: string | undefined
}

/** The methods of a contract by name. */
export type Methods = Readonly<Record<string, AnyMethod>>

/** What `payload` may be written as: a side, or the fields of a struct. */
export type ToSide<P> = P extends Side ? P
  : P extends Schema.Struct.Fields ? Schema.Struct<P> extends infer S extends Wire ? S : never
  : never

/**
 * One remote procedure. Payload and success are independent of each other one message or many, so there are four kinds.
 *
 * **Gotchas**
 *
 * Say `idempotent` only of a method that may run twice without harm: such a call is repeated when a connection breaks, and
 * when an instance takes much longer than others do. With `hedge` it is also sent to a second instance when the first one
 * takes long; that helps where instances are slow now and then, and not where calls are long in themselves.
 * Say `limited: false` only of one that costs nothing and must be answered by a busy server too, such as a health check,
 * or of one whose calls wait for long, such as for an event.
 */
export const method = <
  P extends Side | Schema.Struct.Fields = typeof Schema.Void,
  O extends Side = typeof Schema.Void,
  E extends Wire = typeof Schema.Never
>(
  options: {
    readonly payload?: P | undefined
    readonly success?: O | undefined
    readonly error?: E | undefined
    readonly idempotent?: boolean | undefined
    readonly limited?: boolean | undefined
    readonly endpoint?: string | undefined
  } & Repetition
): Method<ToSide<P>, O, E> => {
  const side = (value: Side | Schema.Struct.Fields | undefined): Side =>
    value === undefined
      ? Schema.Void
      : Schema.isSchema(value) || Predicate.hasProperty(value, StreamedTypeId)
      ? value as Side
      : Schema.Struct(value as Schema.Struct.Fields) as unknown as Wire
  if (options.hedge !== undefined && (isStreamed(side(options.payload)) || isStreamed(side(options.success)))) {
    throw new Error("Only a method of one message each way can be hedged")
  }
  return {
    [MethodTypeId]: MethodTypeId,
    payload: side(options.payload) as ToSide<P>,
    success: side(options.success) as O,
    error: (options.error ?? Schema.Never) as E,
    idempotent: options.idempotent ?? false,
    hedge: options.hedge,
    limited: options.limited ?? true,
    endpoint: options.endpoint
  }
}

type Input<I> = I extends Streamed<infer S> ? Stream.Stream<S["Type"], RpcError> : I extends Wire ? I["Type"] : never

type Output<O, E, R> = O extends Streamed<infer S> ? Stream.Stream<S["Type"], E, R>
  : O extends Wire ? Effect.Effect<O["Type"], E, R>
  : never

/** The function at either end of a method: a client calls it, a handler implements it. */
export type Procedure<M, R = never> = M extends Method<infer I, infer O, infer E>
  ? (payload: Input<I>) => Output<O, E["Type"] | RpcError, R>
  : never

/** The functions of a contract: its client, and its handlers. */
export type Procedures<M extends Methods, R = never> = { readonly [K in keyof M]: Procedure<M[K], R> }

/** What a contract says about itself, whoever calls or answers it. */
export interface Definition<out M extends Methods> {
  /** Name of the service on the network. */
  readonly key: string
  readonly version: string
  readonly methods: M
}

/** A contract: the tag of its own client, with the service's name on the network for a key. */
export interface Service<in out Self, in out Name extends string, in out M extends Methods>
  extends Context.ServiceClass<Self, Name, Procedures<M>>, Definition<M>
{
  readonly key: Name
}

/**
 * Declares a contract: `class Orders extends Contract.Service<Orders>()("orders", { … }) {}`.
 *
 * **Details**
 *
 * The version is told to others with each instance. It is `latest` where none is given: watchers of Go Micro overlook
 * instances without one.
 */
export const Service = <Self>() =>
<const Name extends string, const M extends Methods>(
  name: Name,
  methods: M,
  options?: { readonly version?: string | undefined }
): Service<Self, Name, M> =>
  Object.assign(Context.Service<Self, Procedures<M>>()(name), { methods, version: options?.version ?? "latest" })

/** The name of a method on the wire: its own, else `Orders.place` for method `place` of `acme.orders`. */
export const endpoint = (service: string, name: string, definition: Method<Side, Side, Wire>): string => {
  if (definition.endpoint !== undefined) return definition.endpoint
  const last = service.slice(service.lastIndexOf(".") + 1)
  return `${last.charAt(0).toUpperCase()}${last.slice(1)}.${name}`
}
