/**
 * All who tell each other over NATS that they are there: those of this process, and those that were heard.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Instance, RegistryError } from "../../../Registry.ts"
import * as Latest from "../../registry/latest.ts"
import * as Standing from "../../registry/standing.ts"
import type { Link } from "../link.ts"
import * as Announcer from "./announcer.ts"
import * as Board from "./board.ts"
import * as Roll from "./roll.ts"

export interface Fleet {
  readonly register: Standing.Register
  /** Who is there, once it is known, and after each change. Fails where it cannot be known. */
  readonly rolls: Stream.Stream<Roll.Roll, RegistryError>
  readonly doubt: (instance: Instance, now: number) => Effect.Effect<void>
}

/** Tells and hears until the scope closes. */
export const make = Effect.fnUntraced(function*(
  link: Link,
  domain: string,
  heartbeat: Duration.Duration
): Effect.fn.Return<Fleet, never, Scope.Scope> {
  const context = yield* Effect.context<never>()
  const run = Effect.runForkWith(context)
  const roll = yield* Latest.make(Roll.empty)
  const own = Announcer.none(roll)
  const at = (change: (now: number) => (roll: Roll.Roll) => Roll.Roll) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) => roll.update(change(now)))
  const board = Board.make(link, domain, 3 * Duration.toMillis(heartbeat), {
    here: (here) => run(at((now) => Roll.hear(here, now))),
    gone: (gone) => run(roll.update(Roll.miss(gone))),
    own: own.all
  })
  const begin = Effect.gen(function*() {
    const connection = yield* link.up
    yield* board.open(connection)
    yield* board.ask(connection)
    yield* roll.update(Roll.know)
  })
  yield* Effect.forkScoped(Effect.retry(begin, Schedule.spaced("1 second")))
  yield* link.onReconnect(() => run(renew(link, board, roll, own)))
  const expire = Effect.suspend(() => link.isUp() ? at(Roll.expire) : Effect.void)
  yield* Effect.forkScoped(Effect.repeat(Effect.delay(expire, "500 millis"), Schedule.forever))

  const reachable = Effect.mapError(Effect.andThen(link.up, link.flush), Announcer.unavailable)
  const known = Effect.flatMap(roll.get, ({ isKnown }) => isKnown ? Effect.void : reachable)
  return {
    register: yield* Standing.make(Announcer.make(link, board, own, heartbeat)),
    rolls: Stream.unwrap(Effect.as(known, Stream.filter(roll.changes, ({ isKnown }) => isKnown))),
    doubt: (instance, now) =>
      Effect.flatMap(roll.get, (roll) => {
        if (!link.isUp() || !Roll.doubt(roll, instance, now + patience)) return Effect.void
        return Effect.ignore(Effect.map(link.up, (connection) => board.askFor(connection, instance)))
      })
  }
})

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds that who is doubted has to say that it is there. */
const patience = 1000

/** A server that was away, or another one, has heard nothing of anybody. */
const renew = (
  link: Link,
  board: Board.Board,
  roll: Latest.Latest<Roll.Roll>,
  own: Announcer.Own
): Effect.Effect<void> =>
  Effect.gen(function*() {
    Roll.excuse(yield* roll.get, yield* Clock.currentTimeMillis)
    const connection = yield* link.up
    for (const instance of own.all()) board.say(connection, instance)
    yield* board.ask(connection)
  }).pipe(Effect.ignore)
