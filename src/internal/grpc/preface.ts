/**
 * The first bytes of HTTP/2, by which a connection in the clear says that it speaks it.
 */

/** What the first bytes of a connection are: HTTP/2, something else, or too few to tell. */
export const read = (bytes: Buffer): "http2" | "other" | "more" => {
  const length = Math.min(bytes.length, preface.length)
  if (bytes.compare(preface, 0, length, 0, length) !== 0) return "other"
  return length === preface.length ? "http2" : "more"
}

// ---------------------------------------------------------------------------------------------------------------------

const preface = Buffer.from("PRI * HTTP/2.0\r\n")
