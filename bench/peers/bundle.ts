/**
 * Contenders as one file each, beside a few that are loaded only when they are needed.
 */
import { build } from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import type { Entry } from "../lib/contender.ts"

/** Bundles what was staged in `folder`; returns the program of that contender's processes. */
export const bundle = async (folder: string, { module, name }: Entry): Promise<string> => {
  const main = path.join(folder, `bench/bundled-${name}.js`)
  const outdir = path.join(folder, "bundled", name)
  fs.writeFileSync(main, entry(module))
  await build({
    entryPoints: { main },
    outdir,
    bundle: true,
    splitting: true,
    minify: true,
    platform: "node",
    format: "esm",
    outExtension: { ".js": ".mjs" },
    banner: { js: require },
    logLevel: "error"
  })
  return path.join(outdir, "main.mjs")
}

// ---------------------------------------------------------------------------------------------------------------------

// It is forked with the name of the module in front, which it knows already.
const entry = (module: string): string => `
import * as contender from "./${module}.js"
import { run } from "./lib/half.js"
await run(contender, process.argv.slice(3))
`

// CommonJS within a module asks for Node's own modules by it.
const require = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`
