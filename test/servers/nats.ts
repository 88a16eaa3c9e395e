/** A server of NATS. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Process from "./process.ts"

export const isMissing = Process.isMissing("nats-server")

export interface Nats {
  readonly url: string
  readonly kill: Effect.Effect<void>
  /** Starts it again where it was. */
  readonly start: Effect.Effect<void>
  readonly stop: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

/** A server, until the scope closes. `config` is in its own format. */
export const open = Effect.fnUntraced(function*(
  { config = "", host = "127.0.0.1", jetStream = false }: {
    readonly config?: string
    readonly host?: string
    readonly jetStream?: boolean
  } = {}
): Effect.fn.Return<Nats, never, Scope.Scope> {
  const folder = yield* Process.folder
  const file = path.join(folder, "nats.conf")
  fs.writeFileSync(file, jetStream ? `jetstream { store_dir: "${folder}" }\n${config}` : config)
  let port = -1
  const args = () => ["-c", file, "-a", "127.0.0.1", "-p", String(port)]
  const server = yield* Process.program("nats-server", args, /client connections on 127\.0\.0\.1:(\d+)[^]*is ready/)
  const start = Effect.map(server.start, ([, chosen]) => void (port = Number(chosen)))
  yield* start
  return { ...server, url: `nats://${host}:${port}`, start }
})
