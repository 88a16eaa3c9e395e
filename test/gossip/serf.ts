/** Agents of Serf, each on a loopback address of its own, so that their ports are nobody else's. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFile } from "node:child_process"
import { randomInt, randomUUID } from "node:crypto"
import * as Process from "../servers/process.ts"
import { clock } from "./crowds.ts"

export const isMissing = Process.isMissing("serf")

/** What an agent has seen of a member. */
export interface Sight {
  /** By the clock of `Crowds`. */
  readonly at: number
  readonly what: "Join" | "Leave" | "Failed"
  readonly member: string
}

export interface Agent {
  readonly name: string
  /** Where other members find it. */
  readonly address: string
  /** What it thinks of each member: `alive`, `leaving`, `left` or `failed`. */
  readonly members: Effect.Effect<Readonly<Record<string, string>>>
  /** All that it has seen so far, itself included. */
  readonly seen: ReadonlyArray<Sight>
  /** Runs a command of Serf against it, and returns what that prints. */
  readonly run: (command: string, ...args: ReadonlyArray<string>) => Effect.Effect<string>
  readonly kill: Effect.Effect<void>
  /** Starts it again where it was. */
  readonly start: Effect.Effect<unknown>
  /** Lets it stand still, and go on. */
  readonly stop: Effect.Effect<void>
  readonly resume: Effect.Effect<void>
}

/** An agent with the times of a LAN, until the scope closes. */
export const agent = Effect.fnUntraced(function*(
  { join, key }: { readonly join?: string | undefined; readonly key?: string | undefined } = {}
): Effect.fn.Return<Agent, never, Scope.Scope> {
  const host = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`
  const name = `agent-${randomUUID()}`
  const rpc = `-rpc-addr=${host}:7373`
  const options = [
    ...(join === undefined ? [] : [`-retry-join=${join}`, "-retry-interval=1s"]),
    ...(key === undefined ? [] : [`-encrypt=${key}`])
  ]
  const args = () => ["agent", `-node=${name}`, `-bind=${host}:7946`, rpc, "-profile=lan", ...options]
  const seen: Array<Sight> = []
  const program = yield* Process.program("serf", args, /Serf agent running!/, (line) => {
    const [, what, member = ""] = /serf: EventMember(Join|Leave|Failed): (\S+)/.exec(line) ?? []
    if (what !== undefined) seen.push({ at: clock(), what: what as Sight["what"], member })
  })
  yield* program.start
  const run: Agent["run"] = (command, ...args) =>
    Effect.callback((resume) => {
      execFile("serf", [command, rpc, ...args], (error, stdout, stderr) => {
        resume(error === null ? Effect.succeed(stdout) : Effect.die(new Error(`${error.message}${stdout}${stderr}`)))
      })
    })
  const members = Effect.map(run("members", "-format=json"), (json) => {
    const { members } = JSON.parse(json) as {
      readonly members: ReadonlyArray<{ readonly name: string; readonly status: string }>
    }
    return Object.fromEntries(members.map(({ name, status }) => [name, status]))
  })
  return { name, address: `${host}:7946`, members, seen, run, ...program }
})

/** Waits until an agent thinks so of a member. */
export const says = ({ members }: Agent, name: string, status: string): Effect.Effect<void> =>
  Effect.asVoid(
    Effect.repeat(Effect.delay(members, "50 millis"), { until: (all) => all[name] === status }).pipe(
      Effect.timeoutOrElse({
        duration: "40 seconds",
        orElse: () => Effect.die(new Error(`No agent said ${status} of ${name}`))
      })
    )
  )
