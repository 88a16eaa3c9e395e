/** A server of Consul, which is its own agent. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
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
  const [http = 0, server = 0, lan = 0] = yield* Effect.promise(() => freePorts(3))
  fs.writeFileSync(file, JSON.stringify({ ...config, performance: { raft_multiplier: 1 } }))
  const args = () =>
    `agent -dev -node one -bind 127.0.0.1 -client 127.0.0.1 -http-port ${http} -server-port ${server}
    -serf-lan-port ${lan} -serf-wan-port -1 -dns-port -1 -grpc-port -1 -config-file`.split(/\s+/).concat(file)
  const agent = yield* Process.program(program, args, /Synced node info/)
  const start = Effect.asVoid(agent.start)
  yield* start
  return { url: `http://127.0.0.1:${http}`, kill: agent.kill, start }
})

/** Below those that the system gives to outgoing connections. */
const freePorts = async (count: number): Promise<ReadonlyArray<number>> => {
  const ports: Array<number> = []
  while (ports.length < count) {
    const port = 12_000 + Math.floor(Math.random() * 18_000)
    const server = net.createServer()
    const isFree = await new Promise<boolean>((settle) => {
      server.once("error", () => settle(false))
      server.listen(port, "127.0.0.1", () => settle(true))
    })
    if (!isFree) continue
    await new Promise((settle) => server.close(settle))
    if (!ports.includes(port)) ports.push(port)
  }
  return ports
}
