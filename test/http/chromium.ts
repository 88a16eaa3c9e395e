/**
 * A real browser without a screen, and two pages of different origins in it, which run what they are told to.
 */
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"

/** Whether it is installed. Where tests must not be skipped it has to be, and what asks for it says so by failing. */
export const isMissing = process.env["CI"] === undefined && spawnSync("chromium", ["--version"]).status !== 0

/** One page in the browser. */
export interface Page {
  readonly origin: string
  /** Runs the body of an async function of `given` in the page. Dies with what it throws. */
  readonly run: (body: string, given: Readonly<Record<string, string>>) => Effect.Effect<unknown>
}

export class Chromium extends Context.Service<Chromium, {
  readonly page: Page
  /** Another page, of another origin: a frame in the first one. */
  readonly foreign: Page
}>()("test/Chromium") {}

export const layer = Layer.effect(
  Chromium,
  Effect.gen(function*() {
    const errands = { own: yield* Queue.unbounded<Errand>(), foreign: yield* Queue.unbounded<Errand>() }
    const port = yield* serve(errands)
    const origins = { own: `http://127.0.0.1:${port}`, foreign: `http://localhost:${port}` }
    yield* open(`${origins.own}/own#${origins.foreign}/foreign`)
    const page = (name: Name): Page => ({
      origin: origins[name],
      run: (body, given) =>
        Effect.gen(function*() {
          const outcome = yield* Deferred.make<Outcome>()
          yield* Queue.offer(errands[name], { body, given, outcome })
          const { thrown, value } = yield* Deferred.await(outcome)
          return thrown === undefined ? value : yield* Effect.die(new Error(thrown))
        })
    })
    return { page: page("own"), foreign: page("foreign") }
  })
)

// ---------------------------------------------------------------------------------------------------------------------

type Name = "own" | "foreign"

interface Errand {
  readonly body: string
  readonly given: Readonly<Record<string, string>>
  readonly outcome: Deferred.Deferred<Outcome>
}

interface Outcome {
  readonly value?: unknown
  readonly thrown?: string
}

const html = `<!doctype html><body><script type="module">
if (location.hash !== "") document.body.append(Object.assign(document.createElement("iframe"), { src: location.hash.slice(1) }))
for (let outcome = {};;) {
  const { body, given } = await (await fetch(location.pathname, { method: "POST", body: JSON.stringify(outcome) })).json()
  const run = Object.getPrototypeOf(async () => {}).constructor("given", body)
  outcome = await run(given).then((value) => ({ value }), (error) => ({ thrown: String(error) }))
}
</script>`

/** Serves both pages. Each brings what came of its last errand, and waits for the next one. */
const serve = Effect.fnUntraced(function*(errands: Readonly<Record<Name, Queue.Queue<Errand>>>) {
  const running: Partial<Record<Name, Errand>> = {}
  const server = Http.createServer((request, response) => {
    const name = request.url === "/own" ? "own" : "foreign"
    if (request.method === "GET") return void response.setHeader("Content-Type", "text/html").end(html)
    let text = ""
    request.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk
    }).on("end", () => {
      const done = running[name]
      if (done !== undefined) Deferred.doneUnsafe(done.outcome, Effect.succeed(JSON.parse(text) as Outcome))
      Effect.runFork(Effect.map(Queue.take(errands[name]), (errand) => {
        running[name] = errand
        response.end(JSON.stringify({ body: errand.body, given: errand.given }))
      }))
    })
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  return (server.address() as AddressInfo).port
})

/** Opens the browser with a profile of its own. */
const open = (url: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const profile = fs.mkdtempSync(path.join(os.tmpdir(), "chromium-"))
      const flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
      const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
      const child = spawn("chromium", [...flags, ...quiet, `--user-data-dir=${profile}`, url], { stdio: "ignore" })
      return { child, profile }
    }),
    ({ child, profile }) =>
      Effect.andThen(
        ended(child),
        Effect.sync(() => fs.rmSync(profile, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }))
      )
  )

const ended = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    child.once("close", () => resume(Effect.void))
    if (child.exitCode !== null || !child.kill()) resume(Effect.void)
  })
