/** A process that writes each event down before it acknowledges it, until it is killed. */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as Broker from "../../src/Broker.ts"
import { Entered, group, type Kind, layer } from "./broker.ts"

const [kind, url, file] = process.argv.slice(2)
const book = fs.openSync(file!, "a")

const subscribing = Broker.subscribe(Entered, (n) =>
  Effect.sync(() => {
    // One system call for each: what it has taken survives the process.
    fs.writeSync(book, `${String(n).padStart(7)}\n`)
  }), { group })

await Effect.runPromise(
  subscribing.pipe(
    Effect.andThen(Effect.sync(() => process.stdout.write("listens\n"))),
    Effect.andThen(Effect.never),
    Effect.provide(layer(kind as Kind, url!)),
    Effect.scoped
  )
)
