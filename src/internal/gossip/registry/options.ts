/**
 * What a member of a cluster is told when it starts.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { Buffer } from "node:buffer"
import * as Os from "node:os"
import { RegistryError, RegistryUnavailable } from "../../../Registry.ts"
import * as Hosts from "../../hosts.ts"
import * as Id from "../../id.ts"
import * as Settings from "../core/settings.ts"
import * as Verdicts from "../core/verdicts.ts"
import * as Keyring from "../wire/keyring.ts"
import type * as Packet from "../wire/packet.ts"
import * as Endpoints from "./endpoints.ts"
import * as Ring from "./ring.ts"

/** The port of members that do not name one, which is that of memberlist and Serf. */
export const defaultPort = 7946

/** How a member finds the others, and how they speak. */
export interface Options {
  /** Members to ask first: `10.0.0.7:7946`, `gossip.internal`. A name may stand for up to 16 addresses. Default none. */
  readonly join?: string | ReadonlyArray<string> | undefined
  /** Port for packets and connections, on which the others must reach this one. 0 for a free one. Default 7946. */
  readonly port?: number | undefined
  /** Interface to listen on. Default all of them: `0.0.0.0`. */
  readonly host?: string | undefined
  /** Host that others are told. Default the one listened on; for all of them the first that others can reach. */
  readonly advertise?: string | undefined
  /** How far the members are from each other; all of them must have the same. Default `lan`. */
  readonly preset?: "lan" | "wan" | "local" | undefined
  /** Keys of AES, of 16, 24 or 32 bytes in base64: the first one writes, all of them read. Default none: in the clear. */
  readonly keys?: ReadonlyArray<Redacted.Redacted> | undefined
  /** Clusters of different labels do not hear each other. At most 255 bytes. Default none. */
  readonly label?: string | undefined
  /** Name of this member, which nobody else has. Default the name of the host, and a part by chance. */
  readonly node?: string | undefined
  /** Whether this is a cluster of Serf. Default no. */
  readonly serf?: boolean | undefined
}

/**
 * Options as configured, over those that are given: `GOSSIP_JOIN` and `GOSSIP_KEYS` (several with commas between them),
 * `GOSSIP_PORT`, `GOSSIP_HOST`, `GOSSIP_ADVERTISE`, `GOSSIP_PRESET`, `GOSSIP_LABEL`, `GOSSIP_NODE` and `GOSSIP_SERF`.
 */
export const over = (options: Options = {}): Config.Config<Options> =>
  Config.all({
    join: Config.withDefault(Config.map(Config.String("GOSSIP_JOIN"), list), options.join),
    port: Config.withDefault(Config.Port("GOSSIP_PORT"), options.port),
    host: Config.withDefault(Config.String("GOSSIP_HOST"), options.host),
    advertise: Config.withDefault(Config.String("GOSSIP_ADVERTISE"), options.advertise),
    preset: Config.withDefault(Config.Literals(["lan", "wan", "local"], "GOSSIP_PRESET"), options.preset),
    keys: Config.withDefault(
      Config.map(Config.Redacted("GOSSIP_KEYS"), (keys) => list(Redacted.value(keys)).map((key) => Redacted.make(key))),
      options.keys
    ),
    label: Config.withDefault(Config.String("GOSSIP_LABEL"), options.label),
    node: Config.withDefault(Config.String("GOSSIP_NODE"), options.node),
    serf: Config.withDefault(Config.Boolean("GOSSIP_SERF"), options.serf)
  })

/** A cluster whose keys may change. */
export interface Cluster extends Packet.Cluster {
  readonly keyring: Ring.Ring | undefined
}

/** What the members of a cluster have in common. Fails where a key or a label is none. */
export const clusterOf = ({ keys = [], label = "" }: Options): Effect.Effect<Cluster, RegistryError> =>
  Effect.suspend(() => {
    const ring = keys.map((key) => Buffer.from(Redacted.value(key), "base64"))
    const wrong = ring.findIndex((key) => !Keyring.isKey(key))
    if (wrong !== -1) {
      const size = ring[wrong]?.length
      return unavailable(`key ${wrong + 1} has ${size} bytes in base64, and AES takes 16, 24 or 32`)
    }
    const labelled = Buffer.from(label)
    if (labelled.length > 255) return unavailable(`the label has ${labelled.length} bytes, and 255 are the most`)
    return Effect.succeed({
      label: labelled,
      keyring: ring.length === 0 ? undefined : Ring.make(ring),
      compresses: true
    })
  })

/** The address that others are told. */
export const advertised = ({ advertise, host = "0.0.0.0" }: Options): Effect.Effect<Uint8Array, RegistryError> =>
  Endpoints.resolve(advertise ?? Hosts.reachable(host), 0).pipe(
    Effect.catch((error) => unavailable(error.message, error)),
    Effect.flatMap(([first]) =>
      first === undefined ? unavailable("its address is none") : Effect.succeed(first.address)
    )
  )

/** The member's name. Fails where others would not take it in, and would not say so. */
export const nameOf = ({ node }: Options): Effect.Effect<string, RegistryError> => {
  if (node === undefined) {
    return Effect.map(Id.make, (id) => `${Os.hostname().slice(0, 63)}-${id.slice(0, 12)}`)
  }
  const length = Buffer.byteLength(node)
  return length === 0 || length > Verdicts.maxName
    ? unavailable(`the name of the member has ${length} bytes, and must have 1 to ${Verdicts.maxName}`)
    : Effect.succeed(node)
}

export const settingsOf = ({ preset = "lan" }: Options): Settings.Settings => ({
  lan: Settings.lan,
  wan: Settings.wan,
  local: Settings.local
}[preset])

export const unavailable = (problem: string, cause?: unknown): Effect.Effect<never, RegistryError> =>
  Effect.fail(new RegistryError({ reason: new RegistryUnavailable({ registry: "gossip", problem, cause }) }))

// ---------------------------------------------------------------------------------------------------------------------

const list = (text: string): ReadonlyArray<string> =>
  text.split(",").map((item) => item.trim()).filter((item) => item !== "")
