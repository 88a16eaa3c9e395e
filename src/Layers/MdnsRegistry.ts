/**
 * Who is running on this network, without a server: multicast DNS, as Go Micro speaks it.
 *
 * Services of Go Micro and of this package find each other in one domain. Everything that is heard goes into one cache,
 * which every watch reads.
 */
import * as Config from "effect/Config"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Advertiser from "../internal/mdns/advertiser.ts"
import * as Browser from "../internal/mdns/browser.ts"
import * as Cache from "../internal/mdns/cache.ts"
import * as Echo from "../internal/mdns/echo.ts"
import * as Link from "../internal/mdns/link.ts"
import * as Names from "../internal/mdns/names.ts"
import * as Latest from "../internal/registry/latest.ts"
import { Registry } from "../Registry.ts"

/** How to find each other. */
export interface Options {
  /** Only those in the same domain find each other. Default `micro`, which is Go Micro's. */
  readonly domain?: string | undefined
  /** Names (`eth0`) or addresses of the interfaces to use. Default all, loopback among them; at most 16 a family. */
  readonly interface?: string | ReadonlyArray<string> | undefined
  /** Default 5353, which everybody uses. */
  readonly port?: number | undefined
  /** How long others believe an answer without asking again. Default 120 seconds. */
  readonly ttl?: Duration.Input | undefined
  /** Default both, IPv4 and IPv6. */
  readonly families?: ReadonlyArray<4 | 6> | undefined
}

/** A registry that speaks multicast DNS until the scope closes. */
export const make = (options?: Options): Effect.Effect<Registry["Service"], never, Scope.Scope> =>
  Effect.gen(function*() {
    const domain = options?.domain ?? "micro"
    const problem = Names.problemOf(domain)
    if (problem !== undefined) return yield* Effect.die(new RangeError(`The mDNS domain ${problem}`))
    const link = yield* Link.make({
      families: options?.families ?? [4, 6],
      interfaces: typeof options?.interface === "string" ? [options.interface] : options?.interface,
      port: options?.port ?? 5353
    })
    const cache = yield* Latest.make(Cache.empty)
    const ttl = Math.max(1, Math.round(Duration.toSeconds(options?.ttl ?? "120 seconds")))
    const advertiser = Advertiser.make(link, cache, { domain, ttl })
    const browser = yield* Browser.make(link, cache, domain)
    yield* Effect.forkScoped(Effect.forever(listen(link, advertiser, browser)))
    yield* Effect.forkScoped(Echo.check(link, domain))
    return Registry.of({
      register: advertiser.register,
      watch: browser.watch,
      services: Stream.map(browser.watch(Names.listing), (names) => names.map(({ id }) => id)),
      doubt: browser.doubt
    })
  })

/**
 * A registry that speaks multicast DNS.
 *
 * **Details**
 *
 * The first list of a service is there 40 ms after the first answer, and after 150 ms where nobody answers. From then on
 * who comes and who says goodbye is seen at once; who crashed is dropped within a second of being doubted, and when its
 * TTL is over otherwise.
 *
 * On the wire an instance has the host and port of its address, as Go Micro wants it; the whole URL travels as the metadata
 * `address`. An instance of Go Micro is read with the address `http://<ip>:<port>`. The metadata `protocol`, `transport`,
 * `server` and `registry`, which Go Micro's clients look at, are added where the instance does not say them.
 *
 * An address that names every interface (`0.0.0.0`, `::`) is announced as one of this machine's own.
 *
 * **Gotchas**
 *
 * Metadata of the name `address` is replaced by the instance's own address.
 *
 * Most clouds, and many container networks, carry no multicast. The layer warns, once and within three seconds, where its
 * own questions do not come back.
 *
 * **Example** (One network of several)
 *
 * ```ts
 * import * as MdnsRegistry from "effect-micro/Layers/MdnsRegistry"
 *
 * export const Discovery = MdnsRegistry.layer({ interface: "eth0" })
 * ```
 */
export const layer = (options?: Options): Layer.Layer<Registry> => Layer.effect(Registry, make(options))

/** A registry that speaks multicast DNS, with options from `Config`. */
export const layerConfig = (
  options: Config.Wrap<Options>
): Layer.Layer<Registry, Config.ConfigError> => Layer.effect(Registry, Effect.flatMap(Config.unwrap(options), make))

/** Multicast DNS on every interface, in Go Micro's domain. */
export const MdnsRegistryLive: Layer.Layer<Registry> = layer()

// ---------------------------------------------------------------------------------------------------------------------

const listen = Effect.fnUntraced(function*(
  link: Link.Link,
  advertiser: Advertiser.Advertiser,
  browser: Browser.Browser
) {
  const heard = yield* Queue.take(link.heard)
  if (heard._tag === "Garbage") return yield* Effect.logDebug("What came in is not DNS", heard.cause)
  if (heard.packet.type === "query") yield* advertiser.answer(heard.packet, heard.from)
  // A question may tell of instances, too: a probe says who is about to be announced.
  yield* browser.hear(heard.packet, heard.from)
})
