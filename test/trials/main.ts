/** Tries a fleet of processes: `npm run trials [-- --calls=100000]`. Fails where callers saw more of it than they should. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Trials from "./trials.ts"

const calls = Number(process.argv.find((argument) => argument.startsWith("--calls="))?.split("=")[1] ?? 100_000)

/** Nobody waits longer while one process of six does not answer, in 99 of a hundred calls and milliseconds. */
const bound = 400

Effect.gen(function*() {
  const trials = yield* Trials.run({ members: 6, callers: 64, calls, stopped: 5000 })
  yield* Console.log(
    "| what is done | calls | failed | p50 ms | p99 ms | longest ms |\n| --- | ---: | ---: | ---: | ---: | ---: |"
  )
  for (const { calls, failed, longest, name, p50, p99 } of trials) {
    yield* Console.log(`| ${[name, calls, failed, p50.toFixed(1), p99.toFixed(0), longest.toFixed(0)].join(" | ")} |`)
  }
  const bad = trials.filter(({ failed, p99 }) => failed > 0 || p99 >= bound)
  for (const { name, why } of bad) yield* Console.error(`While ${name}: ${why ?? `99 of a hundred took ${bound} ms`}`)
  process.exitCode = bad.length === 0 ? 0 : 1
}).pipe(Effect.scoped, NodeRuntime.runMain)
