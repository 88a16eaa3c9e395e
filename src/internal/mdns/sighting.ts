/**
 * What a packet says about one instance, and the instance that can be read from it.
 */
import * as Option from "effect/Option"
import { Endpoint, Instance } from "../../Registry.ts"
import * as Description from "./description.ts"
import * as Names from "./names.ts"
import type { Answer, Packet } from "./packet.ts"

/** What a packet says about one instance. */
export interface Sighting {
  /** The name, without the domain: `orders-1.orders`. */
  readonly name: string
  /** Milliseconds; 0 is a goodbye. */
  readonly ttl: number
  readonly port: number
  /** IPv4 where there is one. A probe says none. */
  readonly ip: string | undefined
  /** The strings of the TXT record, put together. */
  readonly txt: string
}

/** The metadata that carries the address as its own kind writes it; others read host and port. */
export const addressKey = "address"

/** Milliseconds. No answer is believed for longer than this, whatever it says of itself. */
const longestTtl = 75 * 60_000

/** Every instance of the domain that a packet tells of. */
export const fromPacket = (packet: Packet, domain: string): ReadonlyArray<Sighting> => {
  // A probe tells of its sender among the authorities. The answers of a question are hearsay.
  const records = packet.type === "query" ? packet.authorities : [...packet.answers, ...packet.additionals]
  const find = finder(records)
  return records.flatMap((record) => {
    const name = record.type === "SRV" ? Names.within(record.name, domain) : undefined
    const txt = find("TXT", record.name)
    if (record.type !== "SRV" || name === undefined || txt === undefined) return []
    const { port, target } = record.data
    const ip = find("A", target)?.data ?? find("AAAA", target)?.data
    const ttl = Math.min((record.ttl ?? 0) * 1000, longestTtl)
    return [{ name, ttl, port, ip, txt: textOf(txt.data) }]
  })
}

/** Whether two sightings say the same, apart from how long it holds. */
export const same = (a: Sighting, b: Sighting): boolean => a.txt === b.txt && a.port === b.port && a.ip === b.ip

/** The service that an instance says it is of. */
export const serviceOf = (sighting: Sighting): string | undefined => {
  const service = Option.getOrUndefined(Description.decode(sighting.txt))?.service
  return service !== undefined && Names.idOf(sighting.name, service) !== undefined ? service : undefined
}

/** The instance; nothing where the TXT cannot be read, is of another service, or nobody could be reached. */
export const toInstance = (sighting: Sighting, service: string, id: string): Instance | undefined => {
  if (service === Names.listing) return named(id)
  const description = Option.getOrUndefined(Description.decode(sighting.txt))
  if (description === undefined || description.service !== service) return undefined
  const { [addressKey]: written, ...metadata } = description.metadata
  const ours = written !== undefined && URL.canParse(written)
  const address = ours ? written : plainAddress(sighting)
  if (address === undefined) return undefined
  const endpoints = description.endpoints.map((endpoint) => new Endpoint(endpoint))
  return new Instance({
    id,
    service,
    version: description.version,
    address,
    metadata: ours ? metadata : description.metadata,
    endpoints
  })
}

/** A name in the list of services. */
export const named = (service: string): Instance =>
  new Instance({ id: service, service: Names.listing, version: "", address: "", metadata: {}, endpoints: [] })

// ---------------------------------------------------------------------------------------------------------------------

/** The first record of a type and a name. A packet has room for thousands: they are gone through once. */
const finder = (records: ReadonlyArray<Answer>) => {
  const firsts = new Map<string, Answer>()
  for (const record of records) {
    const key = `${record.type} ${record.name}`
    if (!firsts.has(key)) firsts.set(key, record)
  }
  return <T extends "TXT" | "A" | "AAAA">(type: T, name: string): (Answer & { readonly type: T }) | undefined =>
    firsts.get(`${type} ${name}`) as (Answer & { readonly type: T }) | undefined
}

const textOf = (data: string | Buffer | Array<string | Buffer>): string =>
  Array.isArray(data) ? data.map((part) => part.toString()).join("") : data.toString()

const plainAddress = ({ ip, port }: Sighting): string | undefined => {
  if (ip === undefined || ip === "0.0.0.0" || ip === "::" || port === 0) return undefined
  return `http://${ip.includes(":") ? `[${ip}]` : ip}:${port}`
}
