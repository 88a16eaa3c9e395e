/**
 * What is measured, and what all contenders send: a small typed message, 32 bytes of JSON, or a large text or bytes.
 */

/** The message of most workloads, both ways. */
export interface Message {
  readonly id: number
  readonly name: string
}

/** A large text, both ways. */
export interface Text {
  readonly id: number
  readonly text: string
}

/** Many bytes, both ways. */
export interface Bytes {
  readonly id: number
  readonly bytes: Uint8Array
}

/** What one run does, in a closed loop: who calls waits for the answer and calls again. */
export type Workload =
  | { readonly kind: "unary"; readonly callers: number }
  /** Unary calls that carry so many bytes each way. */
  | { readonly kind: "text" | "bytes"; readonly callers: number; readonly size: number }
  /** Server streams of `length` messages, one after another in each of `callers` places. */
  | { readonly kind: "stream"; readonly callers: number; readonly length: number; readonly chunked: boolean }
  /** One bidirectional call a caller, which sends its next message when the last one came back. */
  | { readonly kind: "pingpong"; readonly callers: number }

/** The n-th message. */
export const message = (n: number): Message => ({ id: n & 0xffff, name: "Ada Lovelace" })

/** A text of so many characters, each a byte in UTF-8 and in JSON. */
export const text = (size: number): string => "Wires carry words. ".repeat(size).slice(0, size)

/** So many bytes, of every value. */
export const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, (_, i) => i * 31)

/** As it is called in the tables. */
export const title = (workload: Workload): string => {
  switch (workload.kind) {
    case "unary":
      return `unary × ${workload.callers}`
    case "text":
    case "bytes":
      return `${workload.size / 1024} KiB of ${workload.kind} × ${workload.callers}`
    case "stream":
      return `stream of ${workload.chunked ? "chunks" : "single elements"} × ${workload.callers}`
    case "pingpong":
      return `ping-pong × ${workload.callers}`
  }
}
