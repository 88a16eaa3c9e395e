/**
 * One process of a contender: `child.ts <contender> subscribe` or `child.ts <contender> publish <facts>…`.
 */
import { contenders, type Name, type News } from "./contender.ts"

const tell = (news: News): void => void process.send?.(news)

// A parent that is gone leaves nobody behind.
process.once("disconnect", () => process.exit())

const [name, half, ...facts] = process.argv.slice(2) as [Name, string, ...Array<string>]
const contender = await contenders[name]()

let count = 0
const report = (facts?: string): void => {
  const { system, user } = process.cpuUsage()
  tell({ count, cpuMicros: system + user, ...(facts === undefined ? {} : { facts }) })
}
process.on("message", () => report())

if (half === "subscribe") {
  report(
    await contender.subscribe((events) => {
      count += events
    })
  )
} else {
  await contender.publish(facts)
}
