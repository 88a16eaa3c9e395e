/**
 * One process of a contender: `child.ts <contender> subscribe <server>` or `child.ts <contender> publish <server> <facts>…`.
 */
import { contenders, type Name, type News } from "./contender.ts"

const tell = (news: News): void => void process.send?.(news)

// A parent that is gone leaves nobody behind.
process.once("disconnect", () => process.exit())

const [name, half, server, ...facts] = process.argv.slice(2) as [Name, string, string, ...Array<string>]
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
    }, server)
  )
} else {
  await contender.publish(facts, server)
}
