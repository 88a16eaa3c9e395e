/** The body of a request in one piece, up to a limit. */
import type * as Http from "node:http"

/**
 * Reads a body and hands it over at its last byte.
 *
 * **Details**
 *
 * `take` is called once with the body, or with `undefined` as soon as it is known to be over the limit; it is not called
 * when the client goes away before the end. A body that came in one piece is not copied.
 *
 * **Gotchas**
 *
 * What follows after the limit is thrown away, up to the limit once more, so that the client gets around to reading the
 * answer; then the connection is cut.
 */
export const read = (
  request: Http.IncomingMessage,
  length: number | undefined,
  limit: number,
  take: (body: Uint8Array | undefined) => void
): void => {
  if (length === 0) return take(empty)
  const chunks: Array<Uint8Array> = []
  let size = 0
  let taken = false
  const settle = (body: Uint8Array | undefined): void => {
    if (taken) return
    taken = true
    take(body)
  }
  request.on("data", (chunk: Uint8Array) => {
    size += chunk.length
    if (size > 2 * limit) return request.destroy()
    if (size > limit) return settle(undefined)
    if (!taken) chunks.push(chunk)
    if (size === length) settle(join(chunks, size))
  })
  if (length === undefined) request.on("end", () => settle(join(chunks, size)))
  if (length !== undefined && length > limit) settle(undefined)
}

// ---------------------------------------------------------------------------------------------------------------------

const empty = new Uint8Array(0)

const join = (chunks: ReadonlyArray<Uint8Array>, size: number): Uint8Array =>
  chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, size)
