/**
 * The dialling end of a connection as its calls see it: the session, and why they may not use it.
 */
import * as Effect from "effect/Effect"
import type { ClientHttp2Session, ClientHttp2Stream } from "node:http2"
import { type Call, type Failure, failure, LimitExceeded, NotConnected, TransportError } from "../../Transport.ts"
import { expired } from "../deadline.ts"
import * as HeaderText from "../http/headerText.ts"
import type { Wheel } from "../wheel.ts"
import * as ContentType from "./contentType.ts"
import { type Kind, kindHeader } from "./head.ts"
import * as Metadata from "./metadata.ts"
import * as Paths from "./paths.ts"
import * as Timeout from "./timeout.ts"
import type { Vigil } from "./vigil.ts"

export interface Options {
  readonly address: string
  /** As a head of HTTP/2 has them. */
  readonly scheme: "http" | "https"
  readonly authority: string
  readonly wheel: Wheel
  readonly maxMessage: number
  readonly maxHeaders: number
  readonly maxCalls: number
}

export interface Wire {
  readonly session: ClientHttp2Session
  readonly options: Options
  /** Whether the server is one of us. */
  readonly isOwn: boolean
  readonly vigil: Vigil
  /** How many calls have not ended for their callers. */
  pending: number
  /** How many calls there have been. */
  total: number
}

/** Why a call cannot be made. A reply is an answer of our own. */
export type Refused = TransportError | Failure

/** Opens the stream of a call, or says why not. Its head goes out with the first message, or when the turn ends. */
export const open = (wire: Wire, call: Call, kind: Kind, size: number): ClientHttp2Stream | Refused => {
  const { options: { address, maxCalls, maxHeaders, maxMessage }, session } = wire
  if (!isOpen(wire)) return new TransportError({ reason: new NotConnected({ address }) })
  if (size > maxMessage) return exceeded(address, "A message", maxMessage, size)
  if (call.timeout !== undefined && call.timeout <= 0) return expired(call)
  const headers = headersOf(wire, call, kind)
  const metadata = Metadata.append(headers, call.headers)
  if (metadata > maxHeaders) return exceeded(address, "Metadata", maxHeaders, metadata)
  if (wire.pending >= maxCalls) return failure("Overloaded", `${maxCalls} calls are under way to ${address}`)
  const stream = session.request(headers, unended)
  wire.pending++
  wire.total++
  wire.vigil.keep()
  return stream
}

/** Whether the connection takes calls. */
export const isOpen = ({ session }: Wire): boolean => !session.closed && !session.destroyed

/** Whether a call could not be made. */
export const isRefused = (opened: ClientHttp2Stream | Refused): opened is Refused => "_tag" in opened

/** A refusal as what the call comes to. */
export const refuse = (refused: Refused): Effect.Effect<Failure, TransportError> =>
  refused._tag === "Failure" ? Effect.succeed(refused) : Effect.fail(refused)

/** A limit that a call is over. */
export const exceeded = (address: string, limit: string, allowed: number, actual: number): TransportError =>
  new TransportError({ reason: new LimitExceeded({ address, limit, allowed, actual }) })

// ---------------------------------------------------------------------------------------------------------------------

const unended = { endStream: false }

/** Names and values in turn: Node keeps what it is given as long as the stream, and makes less of a list than of a record. */
const headersOf = ({ isOwn, options: { authority, scheme } }: Wire, call: Call, kind: Kind): Array<string> => {
  const isTimed = call.timeout !== undefined && Number.isFinite(call.timeout)
  const headers = [
    ":method",
    "POST",
    ":scheme",
    scheme,
    ":authority",
    authority,
    ":path",
    Paths.format(call, isOwn),
    "content-type",
    ContentType.format(call.contentType),
    kindHeader,
    kind,
    // Nearly every call has one, and a list that grows takes room for many more.
    "grpc-timeout",
    isTimed ? Timeout.format(call.timeout) : ""
  ]
  if (!isTimed) headers.length -= 2
  // For proxies, and for who does not know us. One of us does, and no proxy passes the settings on by which we know it.
  if (!isOwn) headers.push("te", "trailers", "grpc-accept-encoding", "identity,gzip")
  if (!ContentType.isPlain(call.contentType)) headers.push(ContentType.exactHeader, HeaderText.encode(call.contentType))
  return headers
}
