/**
 * What a selector knows of the instances of a service, at a moment.
 */
import type { Instance } from "./Registry.ts"

/** What is known of one service. */
export interface SelectorState {
  readonly service: string
  /** All that are registered, in the order of their ids. */
  readonly instances: ReadonlyArray<Standing>
  /** Whether instances take calls that fail, because enough of them are out already. */
  readonly isPanicking: boolean
}

/** What is known of one instance: by this process, and as far as the strategy and the layers over it look. */
export interface Standing {
  readonly instance: Instance
  /** Whether it may be lent, ejections aside: it passes the filters, and belongs to the part of the fleet that is used. */
  readonly isCandidate: boolean
  /** Calls under way, where they are counted. */
  readonly inFlight: number | undefined
  /** Milliseconds that a call is expected to take, where that is known. */
  readonly latency: number | undefined
  /** Failures since the last success. */
  readonly failures: number
  /** Milliseconds until it may be tried, of one that is out; 0 while that lasts. */
  readonly ejectedFor: number | undefined
}
