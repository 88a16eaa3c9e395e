/**
 * An instance as Go Micro writes it into etcd: a service with one node, in JSON, under a key of service and node.
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { Instance } from "../../Registry.ts"
import * as Hosts from "../hosts.ts"
import * as GoMicro from "../registry/goMicro.ts"

/** A key and its value, as text. */
export interface Record {
  readonly key: string
  readonly value: string
}

/** What the keys of all instances of a service begin with, or those of all services. */
export const keysOf = (prefix: string, service?: string): string =>
  service === undefined ? `${trimmed(prefix)}/` : `${trimmed(prefix)}/${segment(service)}/`

/** The record of an instance; fails with the problem, in words. */
export const fromInstance = (instance: Instance, prefix: string): Result.Result<Record, string> => {
  const { endpoints, id, metadata, service, version } = instance
  const url = URL.canParse(instance.address) ? new URL(instance.address) : undefined
  if (url === undefined || url.hostname === "") return Result.fail(`${instance.address} has no host`)
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const reachable = Hosts.inUrl(Hosts.reachable(host))
  const value = JSON.stringify({
    name: service,
    version,
    metadata: null,
    endpoints: endpoints.map(({ metadata, name }) => ({ name, request: null, response: null, metadata })),
    nodes: [{
      id,
      address: url.port === "" ? reachable : `${reachable}:${url.port}`,
      // Go Micro's clients look at these.
      metadata: { protocol: "mucp", transport: "http", server: "mucp", registry: "etcd", ...metadata },
      // Not Go Micro's, which does not look at it.
      url: instance.address.replace(url.hostname, reachable)
    }]
  })
  return value.length > longest
    ? Result.fail(`its description has ${value.length} characters; etcd takes ${longest} bytes`)
    : Result.succeed({ key: keysOf(prefix, service) + segment(id), value })
}

/** The instance of a record; nothing where it is none. */
export const toInstance = (value: string): Instance | undefined =>
  Option.getOrUndefined(Option.map(decode(value), GoMicro.toInstances))?.[0]

// ---------------------------------------------------------------------------------------------------------------------

/** What etcd takes in one request, with some room for the key. */
const longest = 1_500_000

const trimmed = (prefix: string): string => prefix.replace(/\/+$/, "")

/** As Go Micro does. The exact name stands in the value. */
const segment = (name: string): string => name.replaceAll("/", "-")

const decode = Schema.decodeUnknownOption(Schema.fromJsonString(GoMicro.Service))
