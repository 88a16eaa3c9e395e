/**
 * Who is running, as Kubernetes says: the endpoints behind its services that are ready.
 *
 * A `ClusterIP` gives all calls of a connection to one pod; by their own addresses calls are spread over all of them.
 */
import * as Arr from "effect/Array"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Equivalence from "effect/Equivalence"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Hosts from "../internal/hosts.ts"
import * as Slices from "../internal/kubernetes/slices.ts"
import * as Api from "../internal/registry/api.ts"
import * as Roster from "../internal/registry/roster.ts"
import * as Secret from "../internal/registry/secret.ts"
import * as Shared from "../internal/registry/shared.ts"
import type * as Tls from "../internal/tls/options.ts"
import { Instance, Registry, type RegistryError } from "../Registry.ts"

/** How to reach the API server, and what its endpoints look like. */
export interface Options {
  /** Default `https://kubernetes.default.svc`; `http://127.0.0.1:8001` for `kubectl proxy`, which asks for no token. */
  readonly address?: string | undefined
  /** Default the file of the pod's service account, which is read before each request. */
  readonly token?: Secret.Secret | undefined
  /** Default the authority of the pod's service account. */
  readonly tls?: Tls.Options | undefined
  /** Default that of the pod. */
  readonly namespace?: string | undefined
  /** The number or the name of the port to call. Default the first one of the service. */
  readonly port?: number | string | undefined
  /** How instances are spoken to. Default `micro`. */
  readonly scheme?: string | undefined
}

/** A registry that asks the API server, until the scope closes. */
export const make = (options: Options = {}): Effect.Effect<Registry["Service"], RegistryError, Scope.Scope> =>
  Effect.gen(function*() {
    const { address = "https://kubernetes.default.svc" } = options
    const isInside = address.startsWith("https:")
    const tls = options.tls ?? (isInside ? { ca: account("ca.crt") } : undefined)
    const token = options.token ?? (isInside ? account("token") : undefined)
    const namespace = options.namespace ?? (yield* Secret.read(registry, account("namespace")))
    const headers = token === undefined ? undefined : Effect.map(
      Secret.read(registry, token),
      (text) => ({ authorization: `Bearer ${text}` })
    )
    const api = yield* Api.make({ registry, address, tls, headers })
    const services = yield* Shared.make({
      registry,
      follow: () => Stream.map(Slices.follow(api, namespace), names),
      same: Arr.makeEquivalence(Equivalence.String)
    })
    return Registry.of({
      // Which pods are behind a service is for the platform to say; one that it started must be able to start.
      register: ({ id, service }) => Effect.logDebug(`${id} of ${service} is announced by Kubernetes, not here`),
      watch: yield* Shared.make({
        registry,
        follow: (service) =>
          Stream.map(Slices.follow(api, namespace, service), (list) => roster(service, list, options)),
        same: Roster.same
      }),
      services: services("the services"),
      // Whether a pod is ready is for its probes to find out.
      doubt: () => Effect.void
    })
  })

/**
 * A registry that asks the API server of Kubernetes.
 *
 * **Details**
 *
 * An instance is an endpoint that is ready, of any slice of the service of that name; the name of its pod is its id, its
 * zone and node are metadata. Slices are listed once and watched from there on. While the API server is away the last
 * list stays; where there is none yet the watch fails with the reason.
 *
 * The pod's service account needs to `list` and `watch` `endpointslices` of the group `discovery.k8s.io`.
 *
 * **Gotchas**
 *
 * To register does nothing: a pod is announced by the service that selects it, once it is ready.
 *
 * **Example** (The port called `rpc`)
 *
 * ```ts
 * import * as KubernetesRegistry from "effect-micro/Layers/KubernetesRegistry"
 *
 * export const Discovery = KubernetesRegistry.layer({ port: "rpc" })
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Registry, RegistryError> => Layer.effect(Registry, make(options))

/**
 * A registry that asks the API server whose address Kubernetes gives each pod: `KUBERNETES_SERVICE_HOST` and
 * `KUBERNETES_SERVICE_PORT`.
 */
export const layerConfig = (options?: Options): Layer.Layer<Registry, RegistryError | Config.ConfigError> =>
  Layer.effect(
    Registry,
    Effect.flatMap(
      Config.all({
        host: Config.NonEmptyString("KUBERNETES_SERVICE_HOST"),
        port: Config.withDefault(Config.NonEmptyString("KUBERNETES_SERVICE_PORT"), "443")
      }),
      ({ host, port }) => make({ ...options, address: `https://${Hosts.inUrl(host)}:${port}` })
    )
  )

/** A registry that asks the API server of the cluster that the process runs in. */
export const KubernetesRegistryLive: Layer.Layer<Registry, RegistryError | Config.ConfigError> = layerConfig()

// ---------------------------------------------------------------------------------------------------------------------

const registry = "Kubernetes"

/** What Kubernetes gives each pod. */
const account = (name: string) => ({ file: `/var/run/secrets/kubernetes.io/serviceaccount/${name}` })

const roster = (
  service: string,
  slices: ReadonlyArray<Slices.Slice>,
  { port: wanted, scheme = "micro" }: Options
): Roster.Roster => {
  const byId = new Map<string, Instance>()
  // A pod with addresses of both families is in slices of both: the last word is that of IPv4.
  for (const slice of slices.toSorted((a, b) => Number(a.addressType === "IPv4") - Number(b.addressType === "IPv4"))) {
    const ports = slice.ports ?? []
    const named = typeof wanted === "string" ? ports.find(({ name }) => name === wanted) : ports[0]
    const port = typeof wanted === "number" ? wanted : named?.port
    for (const { addresses: [address], conditions, nodeName, targetRef, zone } of slice.endpoints ?? []) {
      // That nothing is said of it counts as ready.
      if (address === undefined || port === undefined || port === null || conditions?.ready === false) continue
      const id = targetRef?.name ?? address
      const metadata = {
        ...(zone === undefined ? {} : { zone }),
        ...(nodeName === undefined ? {} : { node: nodeName })
      }
      const url = `${scheme}://${Hosts.inUrl(address)}:${port}`
      byId.set(id, new Instance({ id, service, version: "", address: url, metadata, endpoints: [] }))
    }
  }
  return Roster.fromInstances(byId.values())
}

const names = (slices: ReadonlyArray<Slices.Slice>): ReadonlyArray<string> =>
  [...new Set(slices.flatMap(({ metadata }) => metadata.labels?.[Slices.serviceLabel] ?? []))].toSorted()
