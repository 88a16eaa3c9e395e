/** Programs that tests talk to: real ones, on the loopback interface, with a folder of their own. */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as readline from "node:readline"

/** Whether a program is missing. Where tests must not be skipped it has to be there, and what asks for it fails. */
export const isMissing = (program: string): boolean =>
  process.env["CI"] === undefined && spawnSync(program, ["--version"]).status !== 0

/** A folder that goes with the scope. */
export const folder: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "server-"))),
  (name) => Effect.sync(() => fs.rmSync(name, { recursive: true, force: true }))
)

/** A program that can be killed, without a chance to say goodbye, and started again. */
export interface Program {
  /** Starts it, and waits until it has said that it listens; gives what it has said. */
  readonly start: Effect.Effect<RegExpExecArray>
  readonly kill: Effect.Effect<void>
  /** Stops it where it is; completes when none of its threads runs any more. */
  readonly stop: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

/** A program that listens once it has printed `ready`, until the scope closes. `hear` is given each line that it prints. */
export const program = (
  command: string,
  args: () => ReadonlyArray<string>,
  ready: RegExp,
  hear?: (line: string) => void
): Effect.Effect<Program, never, Scope.Scope> =>
  Effect.gen(function*() {
    let child: ChildProcess | undefined
    const kill = Effect.promise(async () => {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
      const gone = once(child, "exit")
      child.kill("SIGKILL")
      await gone
    })
    const start = Effect.callback<RegExpExecArray>((resume) => {
      const started = spawn(command, args(), { stdio: ["ignore", "pipe", "pipe"] })
      child = started
      let said = ""
      for (const output of [started.stdout, started.stderr]) {
        output.on("data", (chunk: Buffer) => {
          const found = ready.exec(said = (said + chunk).slice(-65_536))
          if (found !== null) resume(Effect.succeed(found))
        })
        if (hear !== undefined) readline.createInterface(output).on("line", hear)
      }
      started.once("error", (error) => resume(Effect.die(error)))
      started.once("exit", (code) => resume(Effect.die(new Error(`${command} ended with ${code}: ${said}`))))
    })
    yield* Effect.addFinalizer(() => kill)
    return { start, kill, stop: stopping(() => child!), resume: Effect.sync(() => void child?.kill("SIGCONT")) }
  })

// ---------------------------------------------------------------------------------------------------------------------

const stopping = (child: () => ChildProcess): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { pid } = child()
    child().kill("SIGSTOP")
    const isStopped = Effect.sync(() =>
      fs.readdirSync(`/proc/${pid}/task`).every((task) =>
        / [Tt] /.test(fs.readFileSync(`/proc/${pid}/task/${task}/stat`, "latin1"))
      )
    )
    return Effect.asVoid(
      Effect.repeat(isStopped, { until: (stopped) => stopped, schedule: Schedule.spaced("5 millis") })
    )
  })
