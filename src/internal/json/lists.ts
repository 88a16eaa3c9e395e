/**
 * Several small messages of JSON as one, for peers that are known to read it:
 *
 * ```
 * 1 u8 | the messages, as an array of JSON
 * ```
 */
import { Buffer } from "node:buffer"
import type { Form } from "../codec/batches.ts"
import * as Parts from "./parts.ts"
import * as JsonText from "./text.ts"

/** The form of lists whose messages are nested no more deeply than allowed. */
export const make = (maxDepth: number): Form => ({
  fits: (plain) => isOwnJson(plain) && Parts.isSmall(plain),
  write: (plains) => Buffer.from(mark + JSON.stringify(plains)),
  isBatch: (bytes) => bytes.length > 0 && bytes[0] === 1,
  read: (bytes) => {
    // One level is that of the list.
    const list: unknown = JSON.parse(JsonText.read(bytes.subarray(1), maxDepth + 1))
    if (!Array.isArray(list)) throw new Error("No list")
    return list
  }
})

// ---------------------------------------------------------------------------------------------------------------------

const mark = "\u0001"

/** Whether JSON writes it in a list as it does by itself: it has `null` there for what it has no form for. */
const isOwnJson = (plain: unknown): boolean => {
  switch (typeof plain) {
    case "string":
    case "number":
    case "boolean":
      return true
    case "object":
      return plain === null || typeof (plain as { toJSON?: unknown }).toJSON !== "function"
    default:
      return false
  }
}
