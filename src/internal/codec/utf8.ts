/** Bytes as text, with no byte taken for what it is not. */
import { Buffer, isUtf8 } from "node:buffer"

/** The text; throws where the bytes are not UTF-8. */
export const read = (bytes: Uint8Array): string => {
  const text = utf8Slice.call(bytes, 0, bytes.length)
  // Invalid bytes became U+FFFD, which is rare in real text and free to look for in a string of one byte a character.
  if (text.includes("\uFFFD") && !isUtf8(bytes)) throw new Error("The message is not UTF-8")
  return text
}

// ---------------------------------------------------------------------------------------------------------------------

// Node's own way to text that also takes a plain `Uint8Array`; `TextDecoder` costs several times as much.
const { utf8Slice } = Buffer.prototype as unknown as {
  readonly utf8Slice: (this: Uint8Array, start: number, end: number) => string
}
