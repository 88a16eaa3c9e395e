/**
 * One process of a contender: `child.ts <module> serve|connect <discovery> [address]`.
 */
import type { Contender } from "./contender.ts"
import { run } from "./half.ts"

const [module, ...half] = process.argv.slice(2)

// Only the contender's own module is loaded, and it is known only now; compiled like this one.
await run(await import(`../${module}.js`) as Contender, half)
