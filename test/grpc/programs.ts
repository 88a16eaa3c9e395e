/**
 * Programs of others that speak gRPC and HTTP/2, written in Go; `scripts/servers.sh` installs them.
 */
import * as Effect from "effect/Effect"
import { spawn, spawnSync } from "node:child_process"
import * as Path from "node:path"

/** Where they are: among the programs of the machine, or where Go puts those that it builds. */
const places = [process.env["PATH"] ?? "", Path.join(process.env["HOME"] ?? "", "go", "bin")].join(Path.delimiter)

const env = { ...process.env, PATH: places }

const isThere = (program: string): boolean => spawnSync(program, ["--help"], { env }).error === undefined

/** Whether to do without. Where tests must not be skipped it has to be there, and what asks for it says so by failing. */
export const isMissing = (program: string): boolean => process.env["CI"] === undefined && !isThere(program)

/** What the name of a skipped test says. */
export const note = (program: string): string => isMissing(program) ? ` (skipped: there is no ${program})` : ""

/** Runs a program to its end; 60 seconds at most. */
export const run = (
  program: string,
  args: ReadonlyArray<string>
): Effect.Effect<{ readonly code: number | null; readonly output: string }> =>
  Effect.callback((resume) => {
    const child = spawn(program, args, { env, stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 })
    let output = ""
    const keep = (read: Buffer) => {
      output += read.toString()
    }
    child.stdout.on("data", keep)
    child.stderr.on("data", keep)
    child.on("error", (error) => resume(Effect.die(error)))
    child.on("close", (code) => resume(Effect.succeed({ code, output })))
    return Effect.sync(() => child.kill())
  })
