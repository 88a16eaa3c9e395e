/**
 * From an address to a connection: a question for a tube, and then frames.
 */
import { createInbox, type Msg, type NatsConnection } from "@nats-io/transport-node"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { type Connection, NotConnected, TransportError, Unsupported } from "../../../Transport.ts"
import * as Idle from "../../idle.ts"
import * as Client from "../../mux/client.ts"
import { protocol } from "../../mux/frames.ts"
import type { Link } from "../link.ts"
import * as Address from "./address.ts"
import { isNobody, Kind, type Tube } from "./tube.ts"
import * as Tubes from "./tubes.ts"

export interface Options extends Omit<Client.Options, "address"> {
  /** Milliseconds without a call after which a connection is closed, at most twice over. */
  readonly idleTimeout: number
}

/** Connects to an instance until the scope closes. */
export const dial = (
  link: Link,
  openTube: Tubes.Open,
  address: string,
  options: Options
): Effect.Effect<Connection, TransportError, Scope.Scope> =>
  Effect.gen(function*() {
    const subject = Address.subject(address)
    if (subject === undefined) {
      const problem = "this is no address of NATS, which is nats:// and a name"
      return yield* Effect.fail(new TransportError({ reason: new Unsupported({ address, problem }) }))
    }
    const failed = (cause: Error) => new TransportError({ reason: new NotConnected({ address, cause }) })
    const connection = yield* Effect.mapError(link.up, failed)
    const client = yield* Effect.acquireRelease(
      Effect.timeoutOrElse(
        Effect.mapError(ask(connection, openTube, subject, { ...options, address }), failed),
        { duration: link.timeout, orElse: () => Effect.fail(failed(new Error("it does not answer"))) }
      ),
      (client) => client.close,
      { interruptible: true }
    )
    yield* Effect.forkScoped(Effect.andThen(Idle.after(client, options.idleTimeout), client.close))
    return client
  })

// ---------------------------------------------------------------------------------------------------------------------

const ask = (
  connection: NatsConnection,
  openTube: Tubes.Open,
  subject: string,
  options: Client.Options
): Effect.Effect<Client.Client, Error> =>
  Effect.callback((resume) => {
    let tube: Tube | undefined
    const fail = (problem: Error) => {
      subscription.unsubscribe()
      tube?.destroy()
      resume(Effect.fail(problem))
    }
    const begin = (message: Msg) => {
      if (isNobody(message)) return fail(new Error("nobody listens there"))
      if (!message.reply || message.data[0] !== Kind.bytes) return fail(new Error("it takes no more connections"))
      tube = openTube(connection, { here, subscription }, message.reply)
      Client.make(Tubes.asSocket(tube), Buffer.alloc(0), options, (outcome) => {
        if (outcome instanceof Error) fail(outcome)
        else resume(Effect.succeed(outcome))
      })
      tube.hear(message)
    }
    const here = createInbox()
    const subscription = connection.subscribe(here, {
      callback: (error, message) =>
        error !== null ? fail(error) : tube === undefined ? begin(message) : tube.hear(message)
    })
    connection.publish(subject, protocol, { reply: here })
    return Effect.sync(() => {
      subscription.unsubscribe()
      tube?.destroy()
    })
  })
