/**
 * Spans of calls, and the W3C trace context that joins them across processes.
 *
 * A span costs more than a small call, so there is one only where a tracer was provided and the trace is sampled; the
 * trace context is passed on regardless, since somebody further down may be recording.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"

/** The value of a `traceparent` header. */
export const format = (span: Tracer.AnySpan): string =>
  `00-${span.traceId.padStart(32, "0")}-${span.spanId.padStart(16, "0")}-${span.sampled ? "01" : "00"}`

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/

/** The span of a `traceparent` header, if it is one. */
export const parse = (header: string): Tracer.ExternalSpan | undefined => {
  const match = pattern.exec(header)
  if (match === null || /^0+$/.test(match[1]) || /^0+$/.test(match[2])) return undefined
  return Tracer.externalSpan({ traceId: match[1], spanId: match[2], sampled: (parseInt(match[3], 16) & 1) === 1 })
}

/** The span around the fiber, if it is to be passed on. */
export const current = (fiber: Fiber.Fiber<unknown, unknown>): Tracer.AnySpan | undefined => {
  const span = fiber.cache.span
  return span === undefined || Context.get(span.annotations, Tracer.DisablePropagation) ? undefined : span
}

/** Whether a call of this fiber gets a span of its own. */
export const isRecording = (fiber: Fiber.Fiber<unknown, unknown>, parent: Tracer.AnySpan | undefined): boolean =>
  fiber.cache.tracer !== undefined && fiber.cache.tracerEnabled && parent?.sampled !== false

/** A span by the names of OpenTelemetry's conventions for RPC, around one call. */
export const around = <A, E, R>(
  effect: (span: Tracer.Span) => Effect.Effect<A, E, R>,
  kind: Kind,
  service: string,
  method: string,
  parent: Tracer.AnySpan | undefined
): Effect.Effect<A, E, R> =>
  Effect.useSpan(
    `${service}/${method}`,
    options(kind, service, method, parent),
    (span) => Effect.provideService(effect(span), Tracer.ParentSpan, span)
  )

/** The same span, until the scope closes. */
export const scoped = (
  kind: Kind,
  service: string,
  method: string,
  parent: Tracer.AnySpan | undefined
): Effect.Effect<Tracer.Span, never, Scope.Scope> =>
  Effect.makeSpanScoped(`${service}/${method}`, options(kind, service, method, parent))

/** A span by the conventions for messaging, around the handling of an event. */
export const consuming = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  topic: string,
  { id, topic: from }: { readonly id: string; readonly topic: string },
  parent: Tracer.AnySpan | undefined
): Effect.Effect<A, E, R> =>
  Effect.useSpan(
    `process ${topic}`,
    {
      kind: "consumer",
      parent,
      attributes: {
        "messaging.system": "effect-micro",
        "messaging.operation.type": "process",
        "messaging.destination.name": from,
        "messaging.message.id": id
      }
    },
    (span) => Effect.provideService(effect, Tracer.ParentSpan, span)
  )

/** A call is one piece of work, whatever its attempts; each of them is what a client does. */
type Kind = "internal" | "client" | "server"

const options = (kind: Kind, service: string, method: string, parent: Tracer.AnySpan | undefined) => ({
  kind,
  parent,
  attributes: { "rpc.system.name": "effect-micro", "rpc.method": `${service}/${method}` }
})
