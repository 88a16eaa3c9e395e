/**
 * An instance as Consul keeps it, and the instance that can be read from an entry of Consul.
 */
import * as Duration from "effect/Duration"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Instance } from "../../Registry.ts"
import * as Hosts from "../hosts.ts"
import * as Roster from "../registry/roster.ts"
import type { Check } from "./options.ts"
import * as Tags from "./tags.ts"

/** The name that Consul has for an instance. Its own ids are those of an agent, whatever the service. */
export const idOf = ({ id, service }: Instance): string => `${service}:${id}`

/** The name of its only check. */
export const checkOf = (instance: Instance): string => `service:${idOf(instance)}`

/** What is registered of an instance; fails with the problem, in words. */
export const fromInstance = (
  instance: Instance,
  check: Check,
  deregisterAfter: Duration.Duration
): Result.Result<object, string> => {
  const { id, metadata, service } = instance
  const url = URL.canParse(instance.address) ? new URL(instance.address) : undefined
  if (url === undefined || url.hostname === "") return Result.fail(`${instance.address} has no host`)
  const named = url.hostname.replace(/^\[|\]$/g, "")
  const host = Hosts.reachable(named)
  const address = host === named ? instance.address : instance.address.replace(url.hostname, Hosts.inUrl(host))
  const tooLong = [id, address].find((text) => text.length > longestValue)
  if (tooLong !== undefined) return Result.fail(`${tooLong.slice(0, 80)}… is longer than ${longestValue} characters`)
  const port = Number(url.port) || defaultPorts[url.protocol]
  return Result.succeed({
    ID: idOf(instance),
    Name: service,
    Address: host,
    ...(port === undefined ? {} : { Port: port }),
    Tags: Tags.encode({ ...instance, metadata: { ...goMicro, ...metadata } }),
    Meta: { ...plain(metadata), [idKey]: id, [addressKey]: address },
    Checks: [{
      CheckID: checkOf(instance),
      Name: `${service} is well`,
      // Who registers listens already; Consul would wait for the first heartbeat.
      Status: "passing",
      DeregisterCriticalServiceAfter: seconds(deregisterAfter),
      ...("ttl" in check ? { TTL: seconds(check.ttl) } : {
        HTTP: `${url.protocol === "https:" ? "https" : "http"}://${Hosts.inUrl(host)}:${port ?? 80}${check.http}`,
        Interval: seconds(check.interval ?? "5 seconds"),
        Timeout: seconds(check.interval ?? "5 seconds")
      })
    }]
  })
}

/** Who is well, sorted; fails where the answer is none of Consul's. */
export const toRoster = (body: string): Result.Result<Roster.Roster, unknown> =>
  Result.map(decode(body), (entries) => {
    const byId = new Map<string, Instance>()
    // Of two with the same id, which an agent that was left behind may still have, the younger one is there.
    for (const entry of entries.toSorted((a, b) => (a.Service.CreateIndex ?? 0) - (b.Service.CreateIndex ?? 0))) {
      if (entry.Checks?.some(({ Status }) => Status === "critical") === true) continue
      const instance = toInstance(entry)
      byId.set(instance.id, instance)
    }
    return Roster.fromInstances(byId.values())
  })

// ---------------------------------------------------------------------------------------------------------------------

const idKey = "micro-id"
const addressKey = "micro-address"

/** What Consul's metadata has room for. */
const longestValue = 512
const mostPlain = 60

const defaultPorts: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 }

/** What Go Micro's own server says about itself, so that its clients speak to ours as to one of theirs. */
const goMicro = { protocol: "mucp", transport: "http", server: "mucp", registry: "consul" }

/** For people and filters: what fits. All of it is in the tags. */
const plain = (metadata: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(metadata)
      .filter(([key, value]) => /^(?!consul-)[\w-]{1,128}$/.test(key) && value.length <= longestValue)
      .slice(0, mostPlain)
  )

const seconds = (input: Duration.Input): string => `${Duration.toMillis(input)}ms`

const Entries = Schema.Array(Schema.Struct({
  Node: Schema.Struct({ Node: Schema.String, Address: Schema.String }),
  Service: Schema.Struct({
    ID: Schema.String,
    Service: Schema.String,
    Tags: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.String))),
    Address: Schema.optionalKey(Schema.String),
    Port: Schema.optionalKey(Schema.Number),
    Meta: Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String))),
    CreateIndex: Schema.optionalKey(Schema.Number)
  }),
  Checks: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({ Status: Schema.String }))))
}))

const decode = Schema.decodeUnknownResult(Schema.fromJsonString(Entries))

const toInstance = ({ Node, Service }: (typeof Entries.Type)[number]): Instance => {
  const { endpoints, isMicro, metadata, version } = Tags.decode(Service.Tags ?? [])
  const { [addressKey]: address, [idKey]: id, ...meta } = Service.Meta ?? {}
  const host = Hosts.inUrl(Service.Address || Node.Address)
  return new Instance({
    // Others give the same id on each of their agents; Go Micro's are unique.
    id: id ?? (isMicro ? Service.ID : `${Service.ID}@${Node.Node}`),
    service: Service.Service,
    version: version || (meta["version"] ?? ""),
    address: address ?? `http://${host}${Service.Port === undefined || Service.Port === 0 ? "" : `:${Service.Port}`}`,
    metadata: metadata ?? meta,
    endpoints
  })
}
