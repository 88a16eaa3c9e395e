/**
 * Who is running, and where.
 *
 * A `Registry` knows which instances of a service exist; which of them takes a call is the selector's business. To
 * register is to be announced for as long as a scope is open. To watch is to be given the whole list, now and after
 * each change: nobody merges deltas, and an instance that vanished is simply not in the next list.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"

/** One method that an instance answers, as it is told to others. */
export class Endpoint extends Schema.Class<Endpoint>("effect-micro/Registry/Endpoint")({
  /** Name on the wire: `Orders.place`. */
  name: Schema.String,
  metadata: Schema.Record(Schema.String, Schema.String)
}) {}

/** One running copy of a service. */
export class Instance extends Schema.Class<Instance>("effect-micro/Registry/Instance")({
  /** Unique among all instances of the service. */
  id: Schema.String,
  /** Name of the service: `orders`. */
  service: Schema.String,
  /** Version of the service, empty where nobody said. */
  version: Schema.String,
  /** Where to reach it, a URL: `micro://10.0.0.7:4000`, `http://[fd00::1]:80`. */
  address: Schema.String,
  /** Free facts about the instance: zone, weight, labels. */
  metadata: Schema.Record(Schema.String, Schema.String),
  endpoints: Schema.Array(Endpoint)
}) {}

/**
 * Who is running, and where.
 *
 * **Details**
 *
 * `watch` stays silent until the first answer is known, because "not known yet" is not "nobody": an empty list means
 * that nobody is there. Lists are complete, sorted by instance id, and two equal ones never follow each other. A
 * registry that loses its source keeps its last list; it fails only where it cannot go on.
 *
 * **Example** (Following a service)
 *
 * ```ts
 * import * as Effect from "effect/Effect"
 * import * as Stream from "effect/Stream"
 * import * as Registry from "effect-micro/Registry"
 *
 * export const follow = Effect.gen(function*() {
 *   const registry = yield* Registry.Registry
 *   yield* Stream.runForEach(
 *     registry.watch("orders"),
 *     (instances) => Effect.log(instances.map((instance) => instance.address))
 *   )
 * })
 * ```
 */
export class Registry extends Context.Service<Registry, {
  /** Announces an instance until the scope closes. The same id again, in the same process, replaces what was said. */
  readonly register: (instance: Instance) => Effect.Effect<void, RegistryError, Scope.Scope>
  /** Every instance of a service, now and after each change. */
  readonly watch: (service: string) => Stream.Stream<ReadonlyArray<Instance>, RegistryError>
  /** The name of every service, sorted, now and after each change. */
  readonly services: Stream.Stream<ReadonlyArray<string>, RegistryError>
  /** Tells that an instance could not be reached. A registry that is able to looks again, and drops who is gone. */
  readonly doubt: (instance: Instance) => Effect.Effect<void>
}>()("effect-micro/Registry") {}

/** What was to be announced cannot be: a name too long for the wire, an address that nobody could use. */
export class InvalidInstance extends Schema.TaggedError<InvalidInstance>("effect-micro/Registry/InvalidInstance")(
  "InvalidInstance",
  { service: Schema.String, id: Schema.String, problem: Schema.String }
) {
  override get message(): string {
    return `Instance ${this.id} of ${this.service} cannot be registered: ${this.problem}`
  }
}

/** The registry's own source (a socket, a server) cannot be used. */
export class RegistryUnavailable extends Schema.TaggedError<RegistryUnavailable>(
  "effect-micro/Registry/RegistryUnavailable"
)("RegistryUnavailable", { registry: Schema.String, problem: Schema.String, cause: Schema.optional(Schema.Defect()) }) {
  override get message(): string {
    return `The ${this.registry} registry is not available: ${this.problem}`
  }
}

/** Why a registry could not do what it was asked. */
export class RegistryError extends Schema.TaggedError<RegistryError>("effect-micro/RegistryError")("RegistryError", {
  reason: Schema.Union([InvalidInstance, RegistryUnavailable])
}) {
  override get message(): string {
    return this.reason.message
  }
}
