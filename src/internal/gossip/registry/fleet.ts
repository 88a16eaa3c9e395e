/**
 * A registry among those of the other members of a cluster.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type Instance, InvalidInstance, Registry, RegistryError } from "../../../Registry.ts"
import * as Dialect from "./dialect.ts"
import * as Joining from "./joining.ts"
import * as Listing from "./listing.ts"
import * as Node from "./node.ts"
import * as Options from "./options.ts"
import * as Services from "./services.ts"

/** A member of a cluster, and what it knows of services. */
export interface Fleet {
  readonly node: Node.Node
  readonly registry: Registry["Service"]
}

/** A member that joins its cluster in the background, and leaves it when the scope closes. */
export const make = (options: Options.Options): Effect.Effect<Fleet, RegistryError, Scope.Scope> =>
  Effect.gen(function*() {
    const dialect = yield* dialectOf(options)
    const cluster = yield* Options.clusterOf(options)
    const node = yield* listen(options, cluster, dialect)
    const listing = yield* Listing.make(node.run)
    const speaker = dialect.make(node, cluster.keyring)
    const services = Services.make(node, speaker, listing)
    const joining = Joining.make(node, {
      join: [options.join ?? []].flat(),
      port: Options.defaultPort,
      settled: Effect.suspend(() => {
        speaker.joined()
        node.run(Effect.delay(compare(node, services), arrival * node.settings.gossipInterval))
        return Effect.andThen(services.isInformed() ? Effect.void : compare(node, services), listing.publish)
      })
    })
    const { application } = services
    yield* node.serve({
      ...application,
      changed: (change) => {
        joining.changed(change)
        application.changed(change)
      }
    })
    yield* Effect.forkScoped(joining.run)
    yield* Effect.forkScoped(sweeping(node, services))
    const known = <A>(lists: Stream.Stream<A>) => Stream.unwrap(Effect.as(Latch.await(joining.known), lists))
    const registry = Registry.of({
      register: (instance) => register(instance, services, listing),
      watch: (service) => known(listing.watch(service)),
      services: known(listing.services),
      doubt: (instance) =>
        Effect.sync(() => {
          for (const source of listing.sourcesOf(instance)) node.swim.doubt(source)
        })
    })
    return { node, registry }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** Most clusters are none of Serf, and do not load what only those need. */
const dialectOf = ({ serf = false }: Options.Options): Effect.Effect<Dialect.Dialect> =>
  serf
    ? Effect.map(Effect.promise(() => import("../serf/dialect.ts")), ({ serf }) => serf)
    : Effect.succeed(Dialect.plain)

const listen = Effect.fnUntraced(function*(
  options: Options.Options,
  cluster: Options.Cluster,
  { delegate, meta }: Dialect.Dialect
) {
  const { host = "0.0.0.0", port = Options.defaultPort } = options
  const opened = Node.make({
    node: yield* Options.nameOf(options),
    advertise: yield* Options.advertised(options),
    cluster,
    settings: Options.settingsOf(options),
    host,
    port,
    meta,
    delegate
  })
  return yield* Effect.catch(
    opened,
    ({ cause }) => Options.unavailable(`port ${port} of ${host} cannot be used`, cause)
  )
})

const register = (instance: Instance, services: Services.Services, listing: Listing.Listing) => {
  const registration = { instance }
  const announced = Effect.suspend(() => {
    const problem = services.announce(registration)
    if (problem === undefined) return listing.publish
    const { id, service } = instance
    return Effect.fail(new RegistryError({ reason: new InvalidInstance({ service, id, problem }) }))
  })
  const withdrawn = Effect.suspend(() => {
    services.withdraw(registration)
    return listing.publish
  })
  return Effect.acquireRelease(announced, () => withdrawn)
}

/**
 * Rounds of gossip until others know of one who came. What is told before passes it by, and it compares all it knows once
 * more after that. They are enough for thousands of members.
 */
const arrival = 5

/** Asks one that runs this package: others may be the first to answer, and know of no services. */
const compare = (node: Node.Node, services: Services.Services): Effect.Effect<void> =>
  Effect.suspend(() => {
    const ours = services.others()
    const one = ours[Math.floor(node.random() * ours.length)]
    return one === undefined ? Effect.void : Effect.ignore(node.exchange(one, false))
  })

const sweeping = ({ settings }: Node.Node, services: Services.Services): Effect.Effect<never> =>
  Effect.sleep(settings.pushPullInterval).pipe(
    Effect.andThen(Effect.sync(services.sweep)),
    Effect.forever
  )
