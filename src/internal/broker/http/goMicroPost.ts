/**
 * How events reach a subscriber of Go Micro: one request each, one after the other, over a connection that is kept.
 *
 * An answer with a status of success is all that is known: Go Micro's brokers do not tell what became of their handlers.
 */
import * as Effect from "effect/Effect"
import * as Http from "node:http"
import type { Message } from "../../../Message.ts"
import { type Failure, NotConnected, TransportError, Unsupported } from "../../../Transport.ts"
import * as Bundle from "./bundle.ts"
import * as GoMicro from "./goMicro.ts"
import * as Members from "./members.ts"
import * as Way from "./way.ts"

/** How long a subscriber may take to answer one event, in milliseconds. */
const patience = 30_000

/** Carries what waits, until nothing does. */
export const carry = (way: Way.Way): Effect.Effect<Failure | undefined, TransportError> => {
  const { address, metadata } = way.subscriber
  if (metadata["secure"] === "true" || !URL.canParse(address)) {
    return Effect.fail(new TransportError({ reason: new Unsupported({ address, problem: "Go Micro under TLS" }) }))
  }
  return Effect.acquireUseRelease(
    Effect.sync(() => new Http.Agent({ keepAlive: true, maxSockets: 1 })),
    (agent) => Effect.as(all(way, agent), undefined),
    (agent) => Effect.sync(() => agent.destroy())
  )
}

// ---------------------------------------------------------------------------------------------------------------------

const all = (way: Way.Way, agent: Http.Agent): Effect.Effect<void, TransportError> => {
  let sent = 0
  const one = (bundle: Bundle.Bundle) =>
    Effect.map(post(way, agent, bundle.messages[0]), (problem) => {
      if (problem !== undefined) bundle.parcel.refuse(bundle, way.subscriber.id, problem)
      Way.settle(way, [{ from: sent++, count: 1, pause: undefined }])
    })
  return Effect.whileLoop({
    while: () => way.outbox.hasWaiting(),
    body: () =>
      Effect.suspend(() =>
        Effect.forEach(way.outbox.next().flatMap((bundle) => Bundle.split(bundle, 1)), one, { discard: true })
      ),
    step: () => undefined
  })
}

/** Hands one event over; why it was refused, if it was. */
const post = (way: Way.Way, agent: Http.Agent, message: Message): Effect.Effect<string | undefined, TransportError> =>
  Effect.callback((resume) => {
    const { address, id, service } = way.subscriber
    const url = new URL(service === Members.firstService ? "/_sub" : "/", address.replace(/^micro:/, "http:"))
    url.searchParams.set("id", id)
    const body = GoMicro.write(Members.topicOf(way.subscriber), message)
    const headers = { "content-type": "application/json", "content-length": body.length }
    const request = Http.request(url, { method: "POST", agent, headers, timeout: patience }, (response) => {
      response.resume()
      response.on("end", () => resume(Effect.succeed(problemOf(response))))
      response.on("error", fail)
    })
    const fail = (cause: Error) =>
      resume(Effect.fail(new TransportError({ reason: new NotConnected({ address, cause }) })))
    request.on("error", fail)
    request.on("timeout", () => request.destroy(new Error(`no answer within ${patience} ms`)))
    request.end(body)
    return Effect.sync(() => request.destroy())
  })

const problemOf = ({ statusCode = 0 }: Http.IncomingMessage): string | undefined =>
  statusCode >= 200 && statusCode < 300 ? undefined : `it answered with the status ${statusCode}`
