/**
 * What a server tells a client of how busy it is: at once where it is asked, and from then on beside its replies.
 *
 * It goes out in the same write as the reply, and every 5 ms at most: more often there is nothing new to tell.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import type { Busy } from "../../Load.ts"
import { now } from "../wheel.ts"
import { Flag, Type, writeU32 } from "./frames.ts"
import type { Writer } from "./writer.ts"

export interface Telling {
  readonly writer: Writer
  readonly load: () => Busy
  readonly clock: Clock.Clock
  /** Whether the client has ever asked: nobody else is told, and nothing is spent on it. */
  isAsked: boolean
  toldAt: number
}

export const make = (
  writer: Writer,
  { context, load }: { readonly context: Context.Context<never>; readonly load: () => Busy }
): Telling => ({ writer, load, clock: Context.get(context, Clock.Clock), isAsked: false, toldAt: -Infinity })

/** Answers a question. */
export const answer = (telling: Telling): void => {
  telling.isAsked = true
  tell(telling, Flag.Answer, now(telling.clock))
}

/** Tells beside a reply, where that is due. */
export const mention = (telling: Telling): void => {
  const time = now(telling.clock)
  if (time - telling.toldAt >= pause) tell(telling, 0, time)
}

// ---------------------------------------------------------------------------------------------------------------------

/** Milliseconds between two reports that nobody asked for. */
const pause = 5

const tell = (telling: Telling, flags: number, time: number): void => {
  const { inFlight, serviceTime } = telling.load()
  const body = new Uint8Array(8)
  writeU32(body, 0, Math.min(0xffffffff, inFlight))
  writeU32(body, 4, Math.min(0xffffffff, Math.round(serviceTime * 1000)))
  telling.toldAt = time
  telling.writer.bytes(Type.Load, flags, 0, body)
}
