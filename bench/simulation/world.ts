/**
 * A fleet of modelled servers, and the list that a registry tells of it.
 */
import * as Effect from "effect/Effect"
import * as Latest from "../../src/internal/registry/latest.ts"
import * as Roster from "../../src/internal/registry/roster.ts"
import { Instance } from "../../src/Registry.ts"
import type * as Luck from "./luck.ts"
import * as Server from "./server.ts"
import type { Time } from "./time.ts"

export interface World {
  readonly time: Time
  readonly draw: Luck.Draw
  /** Those that were ever started, by address. */
  readonly servers: ReadonlyMap<string, Server.Server>
  readonly list: Latest.Latest<ReadonlyArray<Instance>>
  /** Those that are listed. */
  readonly listed: () => ReadonlyArray<Server.Server>
  /** Starts a server, and lists it. */
  readonly start: () => Server.Server
  /** Takes a server from the list. */
  readonly strike: (server: Server.Server) => void
}

/** A fleet of so many. */
export const make = (time: Time, size: number, draw: Luck.Draw): World => {
  const servers = new Map<string, Server.Server>()
  const run = Effect.runForkWith(time.context)
  const list = Effect.runSync(Latest.make<ReadonlyArray<Instance>>([]))
  let listed: ReadonlyArray<Server.Server> = []
  const tell = (next: ReadonlyArray<Server.Server>) => {
    listed = next
    run(list.update(() => Roster.fromInstances(next.map(({ address }) => instance(address)))))
  }
  const start = () => {
    const server = Server.make(time, `micro://${String(servers.size).padStart(4, "0")}:4000`)
    servers.set(server.address, server)
    tell([...listed, server])
    return server
  }
  for (let count = 0; count < size; count++) start()
  return {
    time,
    draw,
    servers,
    list,
    listed: () => listed,
    start,
    strike: (server) => tell(listed.filter((other) => other !== server))
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const instance = (address: string): Instance =>
  new Instance({ id: address, service: "work", version: "", address, metadata: {}, endpoints: [] })
