/**
 * How instances of this process are announced to all others, and keep saying that they are there.
 */
import type { NatsConnection } from "@nats-io/transport-node"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import { type Instance, RegistryError, RegistryUnavailable } from "../../../Registry.ts"
import type * as Latest from "../../registry/latest.ts"
import * as Standing from "../../registry/standing.ts"
import type { Link } from "../link.ts"
import type { Board } from "./board.ts"
import * as Roll from "./roll.ts"

/** Instances of this process, which answer who asks. */
export interface Own {
  readonly all: () => Iterable<Instance>
  readonly enter: (instance: Instance) => Effect.Effect<void>
  readonly leave: (instance: Instance) => Effect.Effect<void>
  readonly find: (instance: Instance) => Instance | undefined
}

/** None yet; all that there are will be in the roll. */
export const none = (roll: Latest.Latest<Roll.Roll>): Own => {
  const instances = new Map<string, Instance>()
  return {
    all: () => instances.values(),
    enter: (instance) =>
      Effect.suspend(() => {
        instances.set(keyOf(instance), instance)
        return roll.update(Roll.enter(instance))
      }),
    leave: (instance) =>
      Effect.suspend(() => {
        instances.delete(keyOf(instance))
        return roll.update(Roll.leave(instance))
      }),
    find: (instance) => instances.get(keyOf(instance))
  }
}

export const make = (link: Link, board: Board, own: Own, every: Duration.Duration): Standing.Announcer => ({
  registry: "NATS",
  every,
  announce: Effect.fnUntraced(function*(instance) {
    const connection = yield* Effect.mapError(link.up, unavailable)
    yield* check(connection, instance, board.sizeOf(instance))
    const before = own.find(instance)
    // Who asks from now on is answered, and who has listened before hears it.
    yield* own.enter(instance)
    const told = Effect.gen(function*() {
      yield* board.open(yield* link.up)
      board.answer(connection)
      board.say(connection, instance)
      yield* link.flush
    })
    yield* Effect.retry(told, { times: losses }).pipe(
      Effect.mapError(unavailable),
      Effect.onError(() => before === undefined ? own.leave(instance) : own.enter(before))
    )
  }),
  beat: (instance) =>
    Effect.mapError(Effect.map(link.up, (connection) => board.say(connection, instance)), unavailable),
  withdraw: Effect.fnUntraced(function*(instance) {
    yield* own.leave(instance)
    // Where nobody carries it to the others, they are told by their own clocks.
    if (!link.isUp()) return
    board.leave(yield* Effect.mapError(link.up, unavailable), instance)
    yield* Effect.timeoutOption(Effect.ignore(link.flush), "1 second")
  })
})

/** Why nobody can be told, or heard. */
export const unavailable = (cause: Error): RegistryError =>
  new RegistryError({ reason: new RegistryUnavailable({ registry: "NATS", problem: cause.message, cause }) })

// ---------------------------------------------------------------------------------------------------------------------

/** How often the connection may be lost while an instance is announced. */
const losses = 2

/** Bytes of what is said of an instance, where the server takes as many. */
const largest = 64 * 1024

const keyOf = ({ id, service }: Instance): string => JSON.stringify([service, id])

const check = ({ info }: NatsConnection, instance: Instance, size: number): Effect.Effect<void, RegistryError> => {
  const allowed = Math.min(largest, info?.max_payload ?? largest)
  return size <= allowed
    ? Effect.void
    : Effect.fail(Standing.invalid(instance, `its description has ${size} bytes; NATS takes ${allowed} here`))
}
