/**
 * Bytes for those who send JSON only.
 */
import type { Bytes } from "../lib/workload.ts"

/** Bytes as text. */
export interface Text {
  readonly id: number
  readonly bytes: string
}

/** Bytes to text. */
export const to = ({ bytes, id }: Bytes): Text => ({
  id,
  bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")
})

/** Bytes from text. */
export const from = ({ bytes, id }: Text): Bytes => ({ id, bytes: Buffer.from(bytes, "base64") })
