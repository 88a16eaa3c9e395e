/** Members in processes of their own, which can be killed. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { spawn } from "node:child_process"
import { fileURLToPath } from "node:url"
import type { Instance } from "../../src/Registry.ts"
import type { Network } from "../servers/network.ts"

export interface Start {
  readonly count: number
  readonly join: ReadonlyArray<string>
  readonly preset: "lan" | "local"
  readonly serf?: boolean
  readonly keys?: ReadonlyArray<string>
  readonly node?: string
  readonly host?: string
  readonly port?: number
}

export type Told =
  | { readonly _tag: "Started"; readonly addresses: ReadonlyArray<string> }
  /** One of them knows of so many that are there, itself included. */
  | { readonly _tag: "Counted"; readonly at: number; readonly member: number; readonly count: number }
  /** One of them lists these instances of `orders`. */
  | { readonly _tag: "Listed"; readonly at: number; readonly member: number; readonly ids: ReadonlyArray<string> }

/** Milliseconds of a clock that all processes of a machine share. */
export const clock = (): number => Number(process.hrtime.bigint()) / 1e6

export interface Crowd {
  readonly pid: number
  readonly addresses: ReadonlyArray<string>
  /** All that it has told so far. */
  readonly told: ReadonlyArray<Told>
  /** Registers an instance with its first member. */
  readonly register: (instance: Instance) => void
  readonly kill: () => void
  /** Lets it stand still, and go on. */
  readonly stop: () => void
  readonly resume: () => void
  /** Lets all of its members take their leave. */
  readonly leave: () => void
}

const program = fileURLToPath(new URL("./crowd.ts", import.meta.url))

/** A process with so many members, in a network of its own where one is given, until the scope closes. */
export const open = (start: Start, network?: Network): Effect.Effect<Crowd, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Crowd>((resume) => {
      const command = [process.execPath, program, JSON.stringify(start)] as const
      const [file, args] = network?.within(...command) ?? [command[0], command.slice(1)]
      const child = spawn(file, args, { stdio: ["ignore", "inherit", "inherit", "ipc"] })
      const told: Array<Told> = []
      child.on("message", (message: Told) => {
        told.push(message)
        if (message._tag !== "Started") return
        resume(Effect.succeed({
          pid: child.pid!,
          addresses: message.addresses,
          told,
          register: (instance) => child.send(instance),
          kill: () => void child.kill("SIGKILL"),
          stop: () => void child.kill("SIGSTOP"),
          resume: () => void child.kill("SIGCONT"),
          leave: () => void child.kill("SIGTERM")
        }))
      })
      child.once("exit", (code) => resume(Effect.die(new Error(`The members ended with ${code}`))))
    }),
    ({ kill }) => Effect.sync(kill)
  )

/** How many milliseconds after a time each member has told it first, those that have; the fastest first. */
export const times = (
  crowds: ReadonlyArray<Crowd>,
  since: number,
  isIt: (told: Told) => boolean
): ReadonlyArray<number> =>
  crowds.flatMap(({ told }) => {
    const first = new Map<number, number>()
    for (const one of told) {
      if (one._tag !== "Started" && one.at >= since && !first.has(one.member) && isIt(one)) {
        first.set(one.member, one.at)
      }
    }
    return [...first.values()].map((at) => at - since)
  }).toSorted((one, other) => one - other)
