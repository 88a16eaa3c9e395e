/**
 * A service as Go Micro writes it in JSON, in etcd and in gossip. Its nodes are instances.
 */
import * as Schema from "effect/Schema"
import { Endpoint, Instance } from "../../Registry.ts"

const Metadata = Schema.optionalKey(Schema.NullOr(Schema.Record(Schema.String, Schema.String)))

/** Go writes `null` for what is empty. */
export const Service = Schema.Struct({
  name: Schema.String,
  version: Schema.optionalKey(Schema.NullOr(Schema.String)),
  metadata: Metadata,
  endpoints: Schema.optionalKey(
    Schema.NullOr(Schema.Array(Schema.Struct({ name: Schema.String, metadata: Metadata })))
  ),
  nodes: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Struct({
    id: Schema.String,
    address: Schema.String,
    metadata: Metadata,
    // Not Go Micro's, which does not look at it.
    url: Schema.optionalKey(Schema.String)
  }))))
})

export const toInstances = (service: typeof Service.Type): ReadonlyArray<Instance> => {
  const { metadata, name, version } = service
  const endpoints = (service.endpoints ?? []).map(({ metadata, name }) =>
    new Endpoint({ name, metadata: metadata ?? {} })
  )
  return (service.nodes ?? []).map((node) =>
    new Instance({
      id: node.id,
      service: name,
      version: version ?? "",
      address: node.url ?? `http://${node.address}`,
      metadata: { ...metadata, ...node.metadata },
      endpoints
    })
  )
}
