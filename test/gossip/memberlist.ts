/** Members that are programs of Go with HashiCorp's own library, each on a loopback address of its own. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { randomInt, randomUUID } from "node:crypto"
import { fileURLToPath } from "node:url"
import * as Go from "../servers/go.ts"
import { until } from "./members.ts"

const go = Go.build(fileURLToPath(new URL("./memberlist", import.meta.url)))

export const isMissing = go.isMissing

export interface Peer {
  readonly name: string
  readonly address: string
  /** Waits until it has seen something: `joined`, `updated` or `gone`, and the name of a member. */
  readonly sees: (what: string, member: string) => Effect.Effect<void>
  /** Lets it take its leave. */
  readonly leave: () => void
  readonly kill: () => void
}

/** A member with the times of a LAN, until the scope closes. */
export const peer = (options: {
  readonly join?: string
  readonly key?: string
  readonly label?: string
  readonly compress?: boolean
}): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const host = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`
    const name = `go-${randomUUID()}`
    const args = Object.entries({ ...options, host, name }).map(([flag, value]) => `-${flag}=${value}`)
    const child = yield* Effect.acquireRelease(
      Effect.sync(() => spawn(go.program, args, { stdio: ["pipe", "pipe", "ignore"] })),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let said = "\n"
    child.stdout.on("data", (chunk: Buffer) => said += chunk.toString())
    const says = (line: string) => until(() => said.includes(`\n${line}\n`), `${line}, after${said}`, 30_000)
    yield* says("ready")
    return {
      name,
      address: `${host}:7946`,
      sees: (what, member) => says(`${what} ${member}`),
      leave: () => void child.stdin.end(),
      kill: () => void child.kill("SIGKILL")
    }
  })
