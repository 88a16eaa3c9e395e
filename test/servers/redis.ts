/** A server of Redis, which writes down all that it is told. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Ports from "./ports.ts"
import * as Process from "./process.ts"

export const isMissing = Process.isMissing("redis-server")

export interface Redis extends Omit<Process.Program, "start"> {
  readonly url: string
  /** Starts it again where it was, with what it has written down. */
  readonly start: Effect.Effect<void>
}

/** A server, until the scope closes. `flags` are its own. */
export const open = Effect.fnUntraced(function*(
  { flags = [] }: { readonly flags?: ReadonlyArray<string> } = {}
): Effect.fn.Return<Redis, never, Scope.Scope> {
  const folder = yield* Process.folder
  const port = (yield* Effect.promise(() => Ports.free(1)))[0]!
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--appendonly", "yes", ...flags]
  const server = yield* Process.program("redis-server", () => args, /Ready to accept connections/)
  const start = Effect.asVoid(server.start)
  yield* start
  return { ...server, url: `redis://127.0.0.1:${port}`, start }
})
