/** A server of etcd. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as path from "node:path"
import * as Ports from "./ports.ts"
import * as Process from "./process.ts"

export const isMissing = Process.isMissing("etcd")

export interface Etcd {
  readonly url: string
  readonly kill: Effect.Effect<void>
  /** Starts it again, with what it knew. */
  readonly start: Effect.Effect<void>
  /** Starts it again, with nothing. */
  readonly startEmpty: Effect.Effect<void>
}

/** A cluster of one, until the scope closes. */
export const open: Effect.Effect<Etcd, never, Scope.Scope> = Effect.gen(function*() {
  const folder = yield* Process.folder
  const [client = 0, peer = 0] = yield* Effect.promise(() => Ports.free(2))
  const url = `http://127.0.0.1:${client}`
  const peers = `http://127.0.0.1:${peer}`
  let life = 0
  const args = () =>
    `--listen-client-urls ${url} --advertise-client-urls ${url} --listen-peer-urls ${peers} --initial-cluster one=${peers}
    --initial-advertise-peer-urls ${peers} --name one --heartbeat-interval 20 --election-timeout 200
    --data-dir`.split(/\s+/).concat(path.join(folder, String(life)))
  const server = yield* Process.program("etcd", args, /serving insecure client requests/)
  const start = Effect.asVoid(server.start)
  yield* start
  return { url, kill: server.kill, start, startEmpty: Effect.andThen(Effect.sync(() => void life++), start) }
})
