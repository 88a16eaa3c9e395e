/** Members that are programs of Go with HashiCorp's own library, each on a loopback address of its own. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn, spawnSync } from "node:child_process"
import { createHash, randomInt, randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { until } from "./members.ts"

const source = fileURLToPath(new URL("./memberlist", import.meta.url))

const files = fs.readdirSync(source).map((name) => fs.readFileSync(path.join(source, name)))

/** One for each state of the source, so that it is built once. */
const program = path.join(
  os.tmpdir(),
  `memberlist-peer-${createHash("sha256").update(Buffer.concat(files)).digest("hex").slice(0, 16)}`
)

const build = (): boolean => {
  if (fs.existsSync(program)) return true
  const unfinished = `${program}-${randomUUID()}`
  const { status, stderr } = spawnSync("go", ["build", "-o", unfinished, "."], { cwd: source, encoding: "utf8" })
  if (status === 0) fs.renameSync(unfinished, program)
  else if (process.env["CI"] !== undefined) throw new Error(`The member in Go cannot be built: ${stderr}`)
  return status === 0
}

/** Whether it cannot be built, for want of Go or of its modules. Where tests must not be skipped that is a failure. */
export const isMissing = !build()

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
      Effect.sync(() => spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] })),
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
