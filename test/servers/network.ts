/** Networks of their own for processes of a test, and cables between them: namespaces of Linux. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { execFile, spawn, spawnSync } from "node:child_process"

/** Whether the kernel gives nobody a network of his own, or the programs are missing that ask for one. */
export const isMissing =
  spawnSync("unshare", ["--user", "--map-root-user", "--net", "sh", "-c", "ip link add here type veth peer name there"])
    .status !== 0

export interface Network {
  readonly pid: number
  /** The command that runs a command in there. */
  readonly within: (command: string, ...args: ReadonlyArray<string>) => readonly [string, ReadonlyArray<string>]
  /** Runs a command in there, and returns what it prints. */
  readonly run: (command: string, ...args: ReadonlyArray<string>) => Effect.Effect<string>
}

/** A network with a loopback interface and nobody else, until the scope closes. */
export const open: Effect.Effect<Network, never, Scope.Scope> = Effect.suspend(() =>
  start("unshare", "--user", "--map-root-user", "--net")
)

export interface Cable {
  readonly network: Network
  readonly cut: Effect.Effect<string>
  readonly mend: Effect.Effect<string>
}

/** Another network at the end of a cable; the two have these addresses. */
export const beside = Effect.fnUntraced(function*(
  one: Network,
  address: string,
  addressOfOther: string
): Effect.fn.Return<Cable, never, Scope.Scope> {
  const other = yield* start(...enter(one, "--user"), "unshare", "--net")
  yield* one.run("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", `${other.pid}`)
  for (const [network, own] of [[one, address], [other, addressOfOther]] as const) {
    yield* network.run("ip", "address", "add", `${own}/24`, "dev", "cable")
    yield* network.run("ip", "link", "set", "cable", "up")
  }
  const set = (state: "down" | "up") => one.run("ip", "link", "set", "cable", state)
  return { network: other, cut: set("down"), mend: set("up") }
})

// ---------------------------------------------------------------------------------------------------------------------

const enter = ({ pid }: { readonly pid: number }, ...spaces: ReadonlyArray<string>) =>
  ["nsenter", `--target=${pid}`, "--preserve-credentials", ...spaces] as const

/** Lasts as long as a process that does nothing in there. */
const start = (command: string, ...args: ReadonlyArray<string>): Effect.Effect<Network, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<{ readonly pid: number; readonly end: () => void }>((resume) => {
      const child = spawn(command, [...args, "sh", "-c", "ip link set lo up && echo ready && exec cat"], {
        stdio: ["pipe", "pipe", "inherit"]
      })
      child.once("error", (error) => resume(Effect.die(error)))
      child.once("exit", (code) => resume(Effect.die(new Error(`${command} ended with ${code}`))))
      child.stdout.once("data", () => resume(Effect.succeed({ pid: child.pid!, end: () => child.stdin.end() })))
    }),
    ({ end }) => Effect.sync(end)
  ).pipe(Effect.map(({ pid }) => {
    const [nsenter, ...space] = enter({ pid }, "--user", "--net")
    const within: Network["within"] = (command, ...args) => [nsenter, [...space, command, ...args]]
    const run: Network["run"] = (...command) =>
      Effect.callback((resume) => {
        const [file, args] = within(...command)
        execFile(file, args, (error, stdout) => resume(error === null ? Effect.succeed(stdout) : Effect.die(error)))
      })
    return { pid, within, run }
  }))
