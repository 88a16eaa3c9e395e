/**
 * What is measured, and the message that all contenders send: small and typed, 32 bytes of JSON.
 */

/** The message of every workload, both ways. */
export interface Message {
  readonly id: number
  readonly name: string
}

/** What one run does, in a closed loop: who calls waits for the answer and calls again. */
export type Workload =
  | { readonly kind: "unary"; readonly callers: number }
  /** Server streams of `length` messages, one after another in each of `callers` places. */
  | { readonly kind: "stream"; readonly callers: number; readonly length: number; readonly chunked: boolean }
  /** One bidirectional call a caller, which sends its next message when the last one came back. */
  | { readonly kind: "pingpong"; readonly callers: number }

/** The n-th message. */
export const message = (n: number): Message => ({ id: n & 0xffff, name: "Ada Lovelace" })

/** As it is called in the tables. */
export const title = (workload: Workload): string => {
  switch (workload.kind) {
    case "unary":
      return `unary × ${workload.callers}`
    case "stream":
      return `stream of ${workload.chunked ? "chunks" : "single elements"} × ${workload.callers}`
    case "pingpong":
      return `ping-pong × ${workload.callers}`
  }
}
