/**
 * An instance of ours, ready to be announced.
 */
import * as Effect from "effect/Effect"
import * as os from "node:os"
import type { Instance } from "../../Registry.ts"
import type { Advert } from "./advert.ts"
import * as Description from "./description.ts"
import * as Hosts from "./host.ts"
import type { Interface } from "./interfaces.ts"
import * as Names from "./names.ts"
import * as Sighting from "./sighting.ts"

/** An instance of ours. Its identity tells it from one that replaced it under the same name. */
export interface Registration {
  readonly advert: Advert
  /** As everybody else reads it. */
  readonly instance: Instance
}

/** Bytes of one answer; mDNS has no room for more, and less than 1,400 travel without being cut. */
const largest = 9000

/** Turns an instance into what is announced of it. Fails with the problem, in words. */
export const make = Effect.fnUntraced(function*(
  instance: Instance,
  interfaces: ReadonlyArray<Interface>,
  { domain, ttl }: { readonly domain: string; readonly ttl: number }
) {
  const { endpoints, id, service, version } = instance
  const name = Names.ofInstance(id, service, domain)
  const problem = Names.problemOf(name) ?? Names.problemOf(Names.ofInstance(service, Names.listing, domain)) ??
    (service.split(".")[0] === Names.listing ? `"${Names.listing}" is the list of services` : undefined)
  if (problem !== undefined) return yield* Effect.fail(problem)
  const { address, ip, port } = yield* Hosts.resolve(instance.address, interfaces)
  const metadata = { ...goMicro, ...instance.metadata, [Sighting.addressKey]: address }
  const txt = Description.encode({ service, version, metadata, endpoints })
  const browse = Names.ofService(service, domain)
  const advert: Advert = { service, browse, name, host: hostName(), ip, port, txt, ttl }
  const bytes = sizeOf(advert)
  if (bytes > largest) return yield* Effect.fail(`its description takes ${bytes} bytes; an answer holds ${largest}`)
  const text = txt.map((part) => part.toString()).join("")
  const read = Sighting.toInstance({ name: `${id}.${service}`, ttl, port, ip, txt: text }, service, id)
  return read === undefined
    ? yield* Effect.fail(`its description takes more than ${Description.limit} bytes of JSON`)
    : { advert, instance: read }
})

// ---------------------------------------------------------------------------------------------------------------------

/** What Go Micro's own server says about itself, so that its clients speak to ours as to one of theirs. */
const goMicro = { protocol: "mucp", transport: "http", server: "mucp", registry: "mdns" }

/** The upper bound of a packet with all records: names are not compressed. */
const sizeOf = ({ browse, host, name, txt }: Advert): number =>
  txt.reduce((sum, part) => sum + part.length + 1, 0) + 200 +
  [browse, browse, name, name, name, host, host].reduce((sum, name) => sum + Buffer.byteLength(name) + 2, 0)

const hostName = (): string => Names.problemOf(os.hostname()) === undefined ? os.hostname() : "localhost"
