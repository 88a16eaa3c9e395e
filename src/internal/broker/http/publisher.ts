/**
 * The publishers' end: each event to every party that listens, and what each of them has decided.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { BrokerError, Undelivered } from "../../../BrokerError.ts"
import type { Message, Receipt } from "../../../Message.ts"
import * as Wheel from "../../wheel.ts"
import * as Bundle from "./bundle.ts"
import type * as Members from "./members.ts"
import * as Office from "./office.ts"
import * as Parcel from "./parcel.ts"
import * as Sheet from "./sheet.ts"

export interface Publisher {
  readonly publish: (topic: string, messages: ReadonlyArray<Message>) => Effect.Effect<Receipt, BrokerError>
}

export interface Options extends Office.Options {
  /** How long events may take to be accepted, in milliseconds. */
  readonly timeout: number
}

/** A publisher; what it carries ends with the scope. */
export const make = (options: Options): Effect.Effect<Publisher, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { members, timeout } = options
    const wheel = yield* Wheel.make
    const office = yield* Office.make(options)
    return {
      publish: (topic, messages) => {
        const parties = messages.length === 0 ? none : members.parties(topic)
        return parties.size === 0 ? nobody : send(office, wheel, timeout, { topic, messages, parties })
      }
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

const none: Members.Parties = new Map()

const nobody: Effect.Effect<Receipt> = Effect.succeed({ acceptedBy: [] })

interface Publishing {
  readonly topic: string
  readonly messages: ReadonlyArray<Message>
  readonly parties: Members.Parties
}

/** Gives events to each party, and waits until all are settled, or the time is up. */
const send = (
  office: Office.Office,
  wheel: Wheel.Wheel,
  timeout: number,
  { messages, parties, topic }: Publishing
): Effect.Effect<Receipt, BrokerError> => {
  let open = parties.size
  let done: (() => void) | undefined
  const settled = () => {
    if (--open === 0) done?.()
  }
  const parcels = [...parties.keys()].map((party) => Parcel.make(party, messages.length, settled))
  const sheets = Sheet.cut(messages)
  const withdraw = (problem: string) => {
    for (const parcel of parcels) if (!parcel.isOver()) parcel.withdraw(problem)
    for (const peers of parties.values()) office.sweep(peers)
  }
  const waiting = Effect.callback<void>((resume) => {
    if (open === 0) return resume(Effect.void)
    const entry = wheel.add(timeout, () => withdraw(`it was not accepted within ${timeout} ms`))
    done = () => {
      wheel.remove(entry)
      resume(Effect.void)
    }
    return Effect.sync(() => wheel.remove(entry))
  })
  const give = (parcel: Parcel.Parcel) =>
    office.give(parties.get(parcel.party)!, Bundle.of(parcel, sheets, parcels.length > 1))
  return Effect.forEach(parcels, give, { discard: true }).pipe(
    Effect.andThen(waiting),
    Effect.onInterrupt(() => Effect.sync(() => withdraw("its publisher has gone"))),
    Effect.andThen(Effect.suspend(() => outcome(topic, parcels)))
  )
}

const outcome = (topic: string, parcels: ReadonlyArray<Parcel.Parcel>): Effect.Effect<Receipt, BrokerError> => {
  const acceptedBy = parcels.filter((parcel) => parcel.isAccepted()).map(({ party }) => party).toSorted()
  const refusals = parcels.flatMap((parcel) => parcel.refusals())
  return refusals.length === 0
    ? Effect.succeed({ acceptedBy })
    : Effect.fail(new BrokerError({ reason: new Undelivered({ topic, acceptedBy, refusals }) }))
}
