/** One process of a contender: `child.ts <contender> subscribe|publish <url>`. */
import { contenders, type Name } from "./contender.ts"

// A parent that is gone leaves nobody behind.
process.once("disconnect", () => process.exit())

const [name, half, url] = process.argv.slice(2) as [Name, string, string]
const contender = await contenders[name]()

let count = 0
process.on("message", () => process.send?.(count))
if (half === "subscribe") {
  await contender.subscribe(url, () => void count++)
  process.send?.(count)
} else {
  await contender.publish(url)
}
