/** A broker of Go Micro in a process of its own. */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import * as readline from "node:readline"

/** What it is told to do. */
export type Question =
  | { readonly Service: unknown }
  | { readonly Publish: string; readonly Header: Readonly<Record<string, string>>; readonly Body: string }
  | { readonly Subscribe: string; readonly Queue?: string }

/** A subscription as Go Micro registers it. */
export interface Service {
  readonly name: string
  readonly version: string
  readonly nodes: ReadonlyArray<{
    readonly id: string
    readonly address: string
    readonly metadata: Readonly<Record<string, string>>
  }>
}

/** What it tells. */
export interface News {
  readonly registered?: Service
  readonly heard?: { readonly header: Readonly<Record<string, string>>; readonly body: string }
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "go-micro-"))

const built = spawnSync("go", ["build", "-o", path.join(folder, "broker"), "."], {
  cwd: path.join(import.meta.dirname, "goMicro"),
  encoding: "utf8",
  timeout: 600_000
})

/** Whether Go, or Go Micro's module, is not to be had. Where tests must not be skipped, that fails them. */
export const isMissing = process.env["CI"] === undefined && built.status !== 0

/** Starts it, and ends it with the scope. */
export const start: Effect.Effect<
  { readonly ask: (question: Question) => void; readonly news: Queue.Dequeue<News> },
  never,
  Scope.Scope
> = Effect.gen(function*() {
  if (built.status !== 0) throw new Error(`go build: ${built.error?.message ?? built.stderr}`)
  const news = yield* Queue.unbounded<News>()
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(path.join(folder, "broker"), { stdio: ["pipe", "pipe", "ignore"] })),
    (child) => Effect.sync(() => child.kill("SIGKILL"))
  )
  readline.createInterface(child.stdout).on("line", (line) => {
    if (line.startsWith("{")) Queue.offerUnsafe(news, JSON.parse(line))
  })
  return { ask: (question) => void child.stdin.write(`${JSON.stringify(question)}\n`), news }
})
