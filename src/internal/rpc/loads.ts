/**
 * What instances say of how busy they are, over connections that calls have made: nobody is dialled to be asked.
 */
import * as Effect from "effect/Effect"
import type { Loads } from "../../Selector.ts"
import type { Connections } from "../connections.ts"

export const make = ({ find }: Connections): Loads => ({
  last: ({ address }) => find(address)?.load?.(),
  probe: ({ address }) => {
    const probe = find(address)?.probe
    return probe === undefined ? undefined : Effect.exit(probe)
  }
})
