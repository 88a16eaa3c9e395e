/** Members that are programs of Go with Go Micro's own gossip registry, each on a loopback address of its own. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { randomInt } from "node:crypto"
import { fileURLToPath } from "node:url"
import * as Go from "../servers/go.ts"
import { until } from "./members.ts"

const go = Go.build(fileURLToPath(new URL("./goMicroMember", import.meta.url)))

export const isMissing = go.isMissing

/** A service as Go Micro knows it. */
export interface Service {
  readonly name: string
  readonly version: string
  readonly nodes: ReadonlyArray<{ readonly id: string; readonly address: string }>
}

export interface Peer {
  readonly host: string
  readonly address: string
  readonly register: (service: Service) => Effect.Effect<void>
  readonly deregister: (service: Service) => Effect.Effect<void>
  readonly kill: () => void
}

/** A member, until the scope closes. */
export const peer = (
  options: { readonly join?: string; readonly key?: string; readonly port?: number; readonly host?: string } = {}
): Effect.Effect<Peer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const { host = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`, join = "", key = "" } = options
    const address = `${host}:${options.port ?? 7946}`
    const child = yield* Effect.acquireRelease(
      Effect.sync(() =>
        spawn(go.program, [`-address=${address}`, `-join=${join}`, `-key=${key}`], {
          stdio: ["pipe", "pipe", "ignore"]
        })
      ),
      (child) => Effect.sync(() => child.kill("SIGKILL"))
    )
    let said: ReadonlyArray<string> = []
    child.stdout.on("data", (chunk: Buffer) => said = [...said, ...chunk.toString().split("\n").filter(Boolean)])
    const says = (count: number) => until(() => said.length >= count, `${count} answers of Go Micro`)
    yield* says(1)
    const ask = (Do: string) => (Service: Service) =>
      Effect.suspend(() => {
        child.stdin.write(`${JSON.stringify({ Do, Service })}\n`)
        return says(said.length + 1)
      })
    return {
      host,
      address,
      register: ask("register"),
      deregister: ask("deregister"),
      kill: () => void child.kill("SIGKILL")
    }
  })
