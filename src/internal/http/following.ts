/**
 * A call with many replies over the plain lane, client side: a request in the form of a path, whose answer is read as fast
 * as it is pulled.
 *
 * It asks for events and not for lines: an event says what it is, and a stream that breaks is not taken for one that ends.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import type { Call, Reply } from "../../Transport.ts"
import { ConnectionLost, TransportError } from "../../Transport.ts"
import * as Inlet from "../inlet.ts"
import type * as Attempt from "./attempt.ts"
import * as Feed from "./feed.ts"
import * as FeedReader from "./feedReader.ts"
import * as GoMicro from "./goMicro.ts"
import * as Paths from "./paths.ts"

export interface Options {
  readonly address: string
  /** Bytes of a reply. */
  readonly maxMessage: number
}

/** Where the answer goes. */
export type Sink = Pick<Attempt.Sink, "settle" | "feed">

/** Whether the replies to a call can be events: of other formats nothing is known, and a line break would end one. */
export const isJson = ({ contentType }: Call): boolean => contentType === "application/json"

/** The request of a call, but for its metadata. */
export const request = (call: Call, message: Uint8Array): Attempt.Request => {
  const headers = ["Accept", Feed.events.contentType, "Content-Type", call.contentType]
  GoMicro.appendTimeout(headers, call)
  return { path: Paths.format(call), headers, message }
}

/** The replies to a request, which `send` sends and gives how to withdraw. */
export const replies = (
  options: Options,
  send: (sink: Sink) => Effect.Effect<void>
): Stream.Stream<Reply, TransportError> =>
  // Uninterruptible, so that no request is sent without the finalizer that withdraws it.
  Stream.fromChannel(Channel.fromTransform((_, scope) =>
    Effect.uninterruptible(Effect.suspend(() => {
      const { inlet, sink } = receive(options)
      return Effect.as(Scope.addFinalizer(scope, send(sink)), inlet.pull)
    }))
  ))

// ---------------------------------------------------------------------------------------------------------------------

const done: Exit.Exit<never, Cause.Done> = Exit.fail(Cause.Done())

/** Where the answer goes, and comes out again. */
const receive = ({ address, maxMessage }: Options) => {
  const reader = FeedReader.make(maxMessage)
  let resume = (): void => undefined
  const body = new Readable({ read: () => resume() })
  const inlet: Inlet.Inlet<Reply, TransportError> = Inlet.make(body, (read) => {
    const replies = reader.isOver() ? [] : reader.read(read)
    if (reader.isOver()) inlet.end(done)
    return replies
  }, () => undefined)
  body.on("end", () => {
    const cause = new Error("the answer ended, and the stream did not")
    inlet.end(Exit.fail(new TransportError({ reason: new ConnectionLost({ address, cause }) })))
  })
  const sink: Sink = {
    settle: (exit) => {
      if (exit._tag === "Success") inlet.end(done, exit.value)
      else inlet.end(Exit.failCause(exit.cause))
    },
    feed: (go) => {
      resume = go
      return { take: (chunk) => body.push(chunk), end: () => void body.push(null) }
    }
  }
  return { inlet, sink }
}
