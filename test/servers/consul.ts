/** A server of Consul, which is its own agent. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as Ports from "./ports.ts"
import * as Process from "./process.ts"

const built = path.join(os.homedir(), "go", "bin", "consul")

const program = fs.existsSync(built) ? built : "consul"

export const isMissing = Process.isMissing(program)

export interface Consul {
  readonly url: string
  /** Kills it; what it knew is gone, since it keeps nothing. */
  readonly kill: Effect.Effect<void>
  readonly start: Effect.Effect<void>
}

/** A server that keeps everything in memory, until the scope closes. `config` is in its own format. */
export const open = Effect.fnUntraced(function*(config: object = {}): Effect.fn.Return<Consul, never, Scope.Scope> {
  const folder = yield* Process.folder
  const file = path.join(folder, "consul.json")
  // It takes no port 0 for "any": these are free now.
  const [http = 0, server = 0, lan = 0] = yield* Effect.promise(() => Ports.free(3))
  fs.writeFileSync(file, JSON.stringify({ ...config, performance: { raft_multiplier: 1 } }))
  const args = () =>
    `agent -dev -node one -bind 127.0.0.1 -client 127.0.0.1 -http-port ${http} -server-port ${server}
    -serf-lan-port ${lan} -serf-wan-port -1 -dns-port -1 -grpc-port -1 -config-file`.split(/\s+/).concat(file)
  const agent = yield* Process.program(program, args, /Synced node info/)
  const start = Effect.asVoid(agent.start)
  yield* start
  return { url: `http://127.0.0.1:${http}`, kill: agent.kill, start }
})
