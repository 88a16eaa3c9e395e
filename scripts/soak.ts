/**
 * Calls of every kind, on every lane, for minutes, while the wire breaks and instances die: `npm run soak`, ten minutes of
 * it, or `npm run soak -- --minutes=1`. Fails where something that is claimed at the end did not hold.
 *
 * Three instances and a caller are processes; between them and the caller stands a proxy for each, in this one. Two
 * instances are told to leave or are killed, in turns, and come back on the same port; the third lives through it all.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { createInterface } from "node:readline"
import * as Proxy from "../test/faults/proxy.ts"
import type { Tally } from "./soak/caller.ts"
import type { Weight } from "./soak/meter.ts"
import * as Verdict from "./soak/verdict.ts"

class Broken extends Data.TaggedError("Broken")<{ readonly message: string }> {}

const minutes = Number(process.argv.find((flag) => flag.startsWith("--minutes="))?.slice("--minutes=".length) ?? 10)

/** Milliseconds between two faults of the wire, between two deaths, and between two lines about how it goes. */
const pace = { fault: 700, death: 6000, line: 10_000 }

/** Bytes of a connection that a fault waits for, at most: about those of four calls. */
const depth = 40_000

const soak = Effect.gen(function*() {
  const folder = yield* Effect.acquireRelease(
    Effect.sync(() => fs.mkdtempSync(path.join(os.tmpdir(), "soak-"))),
    (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true }))
  )
  const instances = yield* Effect.forEach(["a", "b", "steady"], (name) => instance(name, path.join(folder, name)))
  const caller = yield* start("caller", instances.map(({ proxy }) => `${proxy.port}`))
  yield* Effect.forkScoped(every(pace.fault, Effect.flatMap(pick(instances), ({ proxy }) => breakWire(proxy))))
  yield* Effect.forkScoped(every(pace.death, Effect.flatMap(pick(instances.slice(0, 2)), (instance) => instance.die)))
  yield* Effect.forkScoped(every(pace.line, Effect.suspend(() => Console.log(line(caller, instances[2].process())))))
  yield* Effect.sleep(minutes * 60_000)
  caller.child.stdin?.end()
  yield* caller.exited
  yield* Console.log(line(caller, instances[2].process()))

  const runs = new Map<string, number>()
  for (const name of fs.readdirSync(folder)) {
    for (const id of fs.readFileSync(path.join(folder, name), "utf8").split("\n")) runs.set(id, (runs.get(id) ?? 0) + 1)
  }
  runs.delete("")
  const { begun, ended } = caller.last()
  const steady = { caller: caller.samples, service: instances[2].process().samples }
  const left = caller.samples.at(-1)
  return { begun, ended, answered: caller.answered, runs, steady, left }
})

const program = Effect.gen(function*() {
  const facts = yield* Effect.scoped(soak)
  for (const [name, samples] of Object.entries(facts.steady)) {
    const grown = Verdict.growth(samples.map(({ rss }) => rss))
    yield* Console.log(`  the ${name} grew by ${grown.toFixed(1)} MiB from the first half to the second`)
  }
  const claims = Verdict.claims(facts)
  for (const [claim, held] of Object.entries(claims)) yield* Console.log(`  ${held ? "held  " : "BROKEN"}  ${claim}`)
  const broken = Object.keys(claims).filter((claim) => !claims[claim])
  if (broken.length > 0) return yield* new Broken({ message: `Not so: ${broken.join("; ")}` })
})

// ---------------------------------------------------------------------------------------------------------------------

/** What a process says of itself each second. */
type Said = Weight & Partial<Tally> & { readonly answered?: ReadonlyArray<string> }

interface Process {
  readonly child: ChildProcess
  readonly samples: Array<Weight>
  readonly answered: Set<string>
  readonly last: () => Tally
  readonly exited: Effect.Effect<void>
}

const start = (program: string, args: ReadonlyArray<string>): Effect.Effect<Process, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.sync(() => {
        const file = path.join(import.meta.dirname, "soak", `${program}.ts`)
        return spawn(process.execPath, ["--expose-gc", file, ...args], { stdio: ["pipe", "pipe", "inherit"] })
      }),
      (child) => Effect.sync(() => void child.kill("SIGKILL"))
    ),
    (child) => {
      const samples: Array<Weight> = []
      const answered = new Set<string>()
      let last: Tally = { begun: 0, ended: {} }
      createInterface(child.stdout).on("line", (line) => {
        // What it logs comes the same way.
        if (!line.startsWith("{\"rss\"")) return
        const said = JSON.parse(line) as Said
        samples.push({ rss: said.rss, handles: said.handles, fibers: said.fibers })
        for (const id of said.answered ?? []) answered.add(id)
        if (said.ended !== undefined) last = { begun: said.begun ?? 0, ended: said.ended }
      })
      const exited = Effect.callback<void>((resume) => {
        if (child.exitCode !== null || child.signalCode !== null) resume(Effect.void)
        else child.once("close", () => resume(Effect.void))
      })
      return { child, samples, answered, last: () => last, exited }
    }
  )

interface Instance {
  readonly proxy: Proxy.Proxy
  readonly process: () => Process
  /** Leaves, or is killed, and comes back. */
  readonly die: Effect.Effect<void, never, Scope.Scope>
}

const instance = (name: string, ledger: string): Effect.Effect<Instance, never, Scope.Scope> =>
  Effect.gen(function*() {
    const port = yield* freePort
    const proxy = yield* Proxy.make(port)
    const begin = start("service", [name, `${port}`, ledger])
    let current = yield* begin
    return {
      proxy,
      process: () => current,
      die: Effect.gen(function*() {
        current.child.kill((yield* Random.nextBoolean) ? "SIGKILL" : "SIGTERM")
        yield* current.exited
        current = yield* begin
      })
    }
  })

const freePort = Effect.callback<number>((resume) => {
  const server = Net.createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as Net.AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** What breaks a connection is frequent; what makes it useless and is hard to tell is not, or there would be little else. */
const frequent: ReadonlyArray<Proxy.Deed> = ["reset", "close", { instead: Buffer.from("SSH-2.0-OpenSSH_9.9\r\n") }]
const rare: ReadonlyArray<Proxy.Deed> = ["silence", "trickle"]

/** A fault of some kind, somewhere; now and then, all connections at once. */
const breakWire = (proxy: Proxy.Proxy) =>
  Effect.gen(function*() {
    const luck = yield* Random.next
    if (luck < 0.1) return yield* proxy.strike(luck < 0.05 ? "reset" : "close")
    const direction = (yield* Random.nextBoolean) ? "request" : "reply"
    const after = Math.floor((yield* Random.next) * depth)
    yield* proxy.arm({
      at: luck < 0.2 ? "connect" : { direction, after },
      deed: yield* pick((yield* Random.next) < 0.1 ? rare : frequent)
    })
  })

const pick = <A>(from: ReadonlyArray<A>): Effect.Effect<A> =>
  Effect.map(Random.next, (luck) => from[Math.floor(luck * from.length)])

const every = <A, R>(millis: number, effect: Effect.Effect<A, never, R>) =>
  Effect.andThen(Effect.sleep(millis), Effect.repeat(effect, Schedule.spaced(millis)))

const line = (caller: Process, steady: Process): string => {
  const { begun, ended } = caller.last()
  const failures = Object.entries(ended).filter(([how]) => !how.includes(" ")).map(([how, count]) => `${how} ${count}`)
  const weight = ({ samples }: Process) => {
    const { fibers, handles, rss } = samples.at(-1) ?? { rss: 0, handles: 0, fibers: 0 }
    return `${rss.toFixed(0)} MiB ${handles} handles ${fibers} fibers`
  }
  return [`${begun} calls`, failures.join(", "), `caller ${weight(caller)}`, `service ${weight(steady)}`].join(" | ")
}

program.pipe(Random.withSeed("soak"), NodeRuntime.runMain)
