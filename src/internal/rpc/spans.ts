/**
 * A span for each attempt of a call that is recorded: whom it went to, after what, and what became of it.
 */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import type * as Tracer from "effect/Tracer"
import type { Instance } from "../../Registry.ts"
import type { Failure, Reply } from "../../Transport.ts"
import type { History } from "./attempts.ts"
import type { Fault, Head } from "./line.ts"

/** What is known of an attempt before anybody is chosen. */
export interface Facts {
  /** Where the call has been. */
  readonly history: History | undefined
  /** Whether it is sent a second time while the first one is under way. */
  readonly isHedge: boolean
}

/** A span around an attempt. */
export const around = (
  head: Head,
  parent: Tracer.AnySpan,
  facts: Facts,
  send: (span: Tracer.Span) => Effect.Effect<Reply, Fault>
): Effect.Effect<Reply, Fault> =>
  Effect.useSpan(name(head), options(head, parent, facts), (span) => {
    const sent = send(span)
    return Effect.tap(
      sent,
      (reply) => reply instanceof Uint8Array ? Effect.void : Effect.sync(() => failed(span, reply))
    )
  })

/** The same span, until the scope closes. */
export const scoped = (
  head: Head,
  parent: Tracer.AnySpan,
  facts: Facts,
  scope: Scope.Scope
): Effect.Effect<Tracer.Span> => Scope.provide(Effect.makeSpanScoped(name(head), options(head, parent, facts)), scope)

/** Says whom an attempt goes to. */
export const lent = (span: Tracer.Span, { address, id }: Instance): void => {
  span.attribute("rpc.instance.id", id)
  span.attribute("server.address", address)
}

/** Says what it was answered with instead of what was asked for. */
export const failed = (span: Tracer.Span, { status }: Failure): void => span.attribute("error.type", status)

// ---------------------------------------------------------------------------------------------------------------------

const name = ({ call }: Head): string => `${call.service}/${call.method}`

const options = (head: Head, parent: Tracer.AnySpan, { history, isHedge }: Facts) => ({
  kind: "client" as const,
  parent,
  attributes: {
    "rpc.system.name": "effect-micro",
    "rpc.method": name(head),
    "rpc.attempt.number": (history?.tries ?? 0) + (isHedge ? 2 : 1),
    ...(isHedge ? { "rpc.attempt.hedge": true } : undefined),
    ...(history === undefined ? undefined : tried(history))
  }
})

/** Whom the selector was told to leave out, and why the last attempt was not the last. */
const tried = ({ last, tried, unfit }: History) => ({
  "rpc.attempt.after": last.message,
  "rpc.attempt.avoided": [...tried],
  ...(unfit.size === 0 ? undefined : { "rpc.attempt.excluded": [...unfit] })
})
