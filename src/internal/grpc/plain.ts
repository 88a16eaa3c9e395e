/**
 * Requests over HTTP/2 that are no calls of gRPC, answered by the plain lane: curl and browsers take HTTP/2 where they can.
 */
import type * as Http from "node:http"
import * as Http2 from "node:http2"

/** Answers a request of HTTP, of either version. */
export type Answerer = (request: Http.IncomingMessage, response: Http.ServerResponse) => void

/** Whether a request is one of gRPC, or wants to be. */
export const isGrpc = (headers: Http2.IncomingHttpHeaders): boolean =>
  (headers["content-type"] ?? "").toLowerCase().startsWith("application/grpc")

/** Has a request answered. What the lane takes for its connection is the stream alone, so that no call ends another. */
export const answer = (
  stream: Http2.ServerHttp2Stream,
  headers: Http2.IncomingHttpHeaders,
  raw: ReadonlyArray<string>,
  answerer: Answerer
): void => {
  const request = new Http2.Http2ServerRequest(stream, headers, {}, translated(headers, raw))
  Object.defineProperty(request, "socket", { value: stream })
  const response = new Http2.Http2ServerResponse(stream)
  // Both have all that the lane uses of a request and of a response.
  answerer(request as unknown as Http.IncomingMessage, response as unknown as Http.ServerResponse)
}

// ---------------------------------------------------------------------------------------------------------------------

/** Names and values as HTTP/1.1 has them, which says that a body has no length where HTTP/2 says nothing. */
const translated = (headers: Http2.IncomingHttpHeaders, raw: ReadonlyArray<string>): ReadonlyArray<string> => {
  let start = 0
  while (start < raw.length && raw[start].startsWith(":")) start += 2
  const rest = raw.slice(start)
  return headers["content-length"] === undefined ? [...rest, "transfer-encoding", "chunked"] : rest
}
