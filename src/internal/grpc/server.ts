/**
 * The lane of gRPC, server side: connections that speak HTTP/2, and the calls on them. Any other request over them is
 * one of the plain lane.
 */
import * as Http2 from "node:http2"
import type { Socket } from "node:net"
import type { Exchange } from "../../Transport.ts"
import { silence } from "../mux/frames.ts"
import * as Answers from "./answer.ts"
import * as Head from "./head.ts"
import * as Health from "./health.ts"
import * as Plain from "./plain.ts"
import * as Serving from "./serving.ts"
import * as Sessions from "./session.ts"
import * as Settings from "./settings.ts"
import * as Vigil from "./vigil.ts"

export interface Options extends Serving.Options {
  readonly find: (service: string) => Exchange | undefined
  /** The names that are answered for. */
  readonly services: () => Iterable<string>
  readonly maxHeaders: number
  /** Calls under way on one connection. */
  readonly maxCalls: number
  /** Answers what is not gRPC. */
  readonly plain: Plain.Answerer
}

/** The lane. */
export interface Server {
  /** Takes a connection over. What was read of it has been put back. */
  readonly take: (socket: Socket) => void
  /** Tells the clients to make no new calls, and closes each connection when those under way have ended. */
  readonly leave: () => void
  /** Interrupts the calls of a service. */
  readonly evict: (service: string) => void
}

/** Makes the lane. */
export const make = (given: Options): Server => {
  const sessions = new Set<Sessions.Session>()
  const options = withHealth(given)
  let leaving = false
  return {
    take: (socket) => {
      socket.setKeepAlive(true, silence)
      const session = open(socket, options)
      sessions.add(session)
      session.http2.on("close", () => sessions.delete(session))
      if (leaving) session.http2.close()
    },
    leave: () => {
      leaving = true
      evict(sessions, Health.service)
      for (const { http2 } of sessions) http2.close()
    },
    evict: (service) => evict(sessions, service)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds that a client has for its settings. */
const patience = 20_000

interface Ready extends Options {
  readonly services: () => ReadonlyArray<string>
}

const evict = (sessions: Iterable<Sessions.Session>, service: string): void => {
  for (const { calls } of sessions) {
    // Whoever is interrupted may leave the list.
    for (const call of calls.filter((call) => call.service === service)) call.interrupt()
  }
}

/** The services of a port, and the one that tells of them, unless somebody serves that one himself. */
const withHealth = (options: Options): Ready => {
  const health = Health.make(options)
  return {
    ...options,
    find: (service) => options.find(service) ?? (service === Health.service ? health : undefined),
    services: () => {
      const names = [...options.services()]
      return names.includes(Health.service) ? names : [...names, Health.service]
    }
  }
}

const open = (socket: Socket, options: Ready): Sessions.Session => {
  const http2 = Http2.performServerHandshake(socket, Settings.server(options))
  const calls = new Array<Sessions.Held>()
  const vigil = Vigil.make(http2, options.wheel, () => calls.length > 0, "any")
  const session: Sessions.Session = { http2, calls, vigil }
  http2.setLocalWindowSize(Settings.connectionWindow)
  http2.on("error", () => http2.destroy())
  http2.setTimeout(patience, () => http2.destroy())
  http2.once("remoteSettings", () => http2.setTimeout(0))
  http2.on("stream", (stream, headers, _flags, raw) => {
    // Whatever becomes of a stream is seen by its end.
    stream.on("error", ignored)
    if (Plain.isGrpc(headers)) begin(session, options, stream, headers)
    else if (session.calls.length >= options.maxCalls) stream.close(refused)
    else {
      // Interrupted by the plain lane itself.
      Sessions.hold(stream, { session, service: "", place: 0, interrupt: ignored, closed: ignored })
      Plain.answer(stream, headers, raw, options.plain)
    }
  })
  return session
}

/** The code of a stream that nobody has looked at. */
const refused = 7

const ignored = (): void => undefined

const begin = (
  session: Sessions.Session,
  options: Ready,
  stream: Http2.ServerHttp2Stream,
  headers: Http2.IncomingHttpHeaders
): void => {
  const head = Head.read(headers, options.services(), options.maxHeaders)
  if (typeof head === "number") return stream.respond({ ":status": head }, { endStream: true })
  if ("failure" in head) return refuse(stream, headers, head)
  const { service } = head.call
  const { calls } = session
  if (calls.length >= options.maxCalls) {
    return refuse(stream, headers, Head.refuse("Overloaded", `This connection has ${calls.length} calls under way`))
  }
  const exchange = options.find(service)
  if (exchange === undefined) {
    return refuse(stream, headers, Head.refuse("Unimplemented", `${service} is not served here`))
  }
  const serving = new Serving.Serving(options, session, stream, head, exchange)
  Sessions.hold(stream, serving)
  serving.start()
}

const refuse = (
  stream: Http2.ServerHttp2Stream,
  headers: Http2.IncomingHttpHeaders,
  { code, failure }: Head.Refusal
): void => {
  const form = headers["content-type"] ?? "application/grpc"
  const isOwn = headers[Head.kindHeader] !== undefined
  Answers.fail(stream, { form, contentType: "", isOwn, isGzip: false }, failure, code)
}
