/**
 * One process of a contender: `child.ts <contender> serve|connect <discovery> [address]`. It tells its parent what it
 * did, and does what the parent asks.
 */
import { contenders, type Discovery, type Name } from "./contender.ts"
import * as Meter from "./meter.ts"
import type { Workload } from "./workload.ts"

/** What a process has used so far, all its threads. */
export interface Usage {
  readonly cpuMicros: number
  readonly rssBytes: number
}

/** What the parent asks. */
export type Question =
  | { readonly ask: "usage" }
  | { readonly ask: "drive"; readonly workload: Workload; readonly warmMillis: number; readonly millis: number }

/** What a child tells. */
export type News =
  /** The server listens, or the client's first call was answered. */
  | { readonly told: "ready"; readonly address: string }
  | { readonly told: "usage"; readonly usage: Usage }
  /** The measured part of a drive begins, ends, and was evaluated, with all loops at rest. */
  | { readonly told: "opened"; readonly usage: Usage }
  | { readonly told: "closed"; readonly usage: Usage }
  | { readonly told: "measured"; readonly reading: Meter.Reading }

const tell = (news: News): void => void process.send?.(news)

const usage = (): Usage => {
  const { system, user } = process.cpuUsage()
  return { cpuMicros: user + system, rssBytes: process.memoryUsage.rss() }
}

// A parent that is gone leaves nobody behind.
process.once("disconnect", () => process.exit())

const [name, half, discovery, address = ""] = process.argv.slice(2) as [Name, string, Discovery, string?]
const contender = await contenders[name].load()

if (half === "serve") {
  tell({ told: "ready", address: await contender.serve(discovery) })
  process.on("message", () => tell({ told: "usage", usage: usage() }))
} else {
  const client = await contender.connect(address, discovery)
  await client.once()
  tell({ told: "ready", address })
  process.on("message", (question: Question) => {
    if (question.ask === "usage") return tell({ told: "usage", usage: usage() })
    const { close, meter, open } = Meter.make()
    const loops = client.drive(question.workload, meter)
    setTimeout(() => {
      tell({ told: "opened", usage: usage() })
      open()
      setTimeout(() => {
        tell({ told: "closed", usage: usage() })
        const reading = close()
        void loops.then(() => tell({ told: "measured", reading }))
      }, question.millis)
    }, question.warmMillis)
  })
}
