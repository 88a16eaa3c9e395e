/**
 * One half of a contender, in a process of its own: it tells its parent what it did, and does what the parent asks.
 */
import type { Contender, Discovery } from "./contender.ts"
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

/** Which half: `serve|connect <discovery> [address]`. */
export const run = async (contender: Contender, [half, discovery, address = ""]: ReadonlyArray<string>) => {
  // A parent that is gone leaves nobody behind.
  process.once("disconnect", () => process.exit())
  if (half === "serve") {
    tell({ told: "ready", address: await contender.serve(discovery as Discovery) })
    process.on("message", () => tell({ told: "usage", usage: usage() }))
  } else {
    const client = await contender.connect(address, discovery as Discovery)
    await client.once()
    tell({ told: "ready", address })
    process.on("message", (question: Question) => {
      if (question.ask === "usage") tell({ told: "usage", usage: usage() })
      else drive(client, question)
    })
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const tell = (news: News): void => void process.send?.(news)

const usage = (): Usage => {
  const { system, user } = process.cpuUsage()
  return { cpuMicros: user + system, rssBytes: process.memoryUsage.rss() }
}

const drive = (
  client: Awaited<ReturnType<Contender["connect"]>>,
  { millis, warmMillis, workload }: Question & { ask: "drive" }
): void => {
  const { close, meter, open } = Meter.make()
  const loops = client.drive(workload, meter)
  setTimeout(() => {
    tell({ told: "opened", usage: usage() })
    open()
    setTimeout(() => {
      tell({ told: "closed", usage: usage() })
      const reading = close()
      void loops.then(() => tell({ told: "measured", reading }))
    }, millis)
  }, warmMillis)
}
