/** A fleet of processes, and the registry that knows of them what a registry would. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { type ChildProcess, spawn } from "node:child_process"
import * as path from "node:path"
import { createInterface } from "node:readline"
import * as Latest from "../../src/internal/registry/latest.ts"
import * as Roster from "../../src/internal/registry/roster.ts"
import { Instance, Registry } from "../../src/Registry.ts"
import { Task } from "./member.ts"

/** One process. */
export interface Member {
  readonly signal: (signal: "SIGCONT" | "SIGKILL" | "SIGSTOP" | "SIGTERM") => Effect.Effect<void>
  /** Takes so many times as long for a call, from now on. */
  readonly slow: (factor: number) => Effect.Effect<void>
  /** Completes when the process is gone. */
  readonly gone: Effect.Effect<void>
  /** Takes it from the registry's list, as one that was killed once its lease is over. */
  readonly strike: Effect.Effect<void>
}

export interface Fleet {
  readonly registry: Registry["Service"]
  /** Starts a process; completes when it is listed. */
  readonly start: Effect.Effect<Member, never, Scope.Scope>
}

/** A fleet without members. */
export const make: Effect.Effect<Fleet> = Effect.map(Latest.make<Roster.Roster>([]), (list) => {
  let count = 0
  const start = Effect.acquireRelease(
    Effect.callback<Member & { readonly child: ChildProcess }>((resume) => {
      const id = String(count++).padStart(3, "0")
      const child = spawn(process.execPath, [program], { stdio: ["pipe", "pipe", "inherit"] })
      const strike = list.update((roster) => Roster.remove(roster, id))
      const exited = new Promise<void>((resolve) => void child.on("exit", () => resolve()))
      const member = {
        child,
        signal: (signal: "SIGCONT" | "SIGKILL" | "SIGSTOP" | "SIGTERM") => Effect.sync(() => void child.kill(signal)),
        slow: (factor: number) => Effect.sync(() => void child.stdin.write(String(factor))),
        gone: Effect.promise(() => exited),
        strike
      }
      // A process that was killed while it was told something is no fault of the trial.
      child.stdin.on("error", () => {})
      createInterface(child.stdout).on("line", (line) => {
        if (line === "leaving") return void Effect.runFork(strike)
        const instance = new Instance({
          id,
          service: Task.key,
          version: "",
          address: line,
          metadata: {},
          endpoints: []
        })
        resume(Effect.as(list.update((roster) => Roster.put(roster, instance)), member))
      })
    }),
    ({ child, gone }) => {
      child.kill("SIGKILL")
      return gone
    }
  )
  const registry = Registry.of({
    register: () => Effect.void,
    watch: () => list.changes,
    services: Stream.never,
    doubt: () => Effect.void
  })
  return { registry, start }
})

// ---------------------------------------------------------------------------------------------------------------------

const program = path.join(import.meta.dirname, "member.ts")
