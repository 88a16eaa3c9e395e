/**
 * Instances of which nothing is known but where they are.
 */
import { Instance } from "../../Registry.ts"

/** One instance for each address, with the address as its id. The same list again for the same addresses. */
export const instances = (service: string, addresses: ReadonlyArray<string>): ReadonlyArray<Instance> => {
  const last = known.get(addresses)
  if (last !== undefined && last[0]?.service === service) return last
  const made = addresses.map((address) =>
    new Instance({ id: address, service, version: "", address, metadata: {}, endpoints: [] })
  )
  known.set(addresses, made)
  return made
}

// ---------------------------------------------------------------------------------------------------------------------

/** Kept for as long as the caller keeps the addresses. */
const known = new WeakMap<ReadonlyArray<string>, ReadonlyArray<Instance>>()
