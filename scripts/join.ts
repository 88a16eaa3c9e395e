/**
 * Joins the modules of a folder into few files of JavaScript: `node scripts/join.ts <from> <to>`, a process of its own
 * since all who build wait for it in turn.
 *
 * Most of a start is spent on finding and reading files, and a process that calls one service would read 130 of ours.
 * A public module keeps a file of its own; what several of them share, and what is loaded only when it is needed, lies in
 * `internal/`.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { rolldown } from "rolldown"

const [from, to] = process.argv.slice(2).map((folder) => path.resolve(folder))

const publicModules = ["", "Layers"].flatMap((folder) =>
  fs.readdirSync(path.join(from, folder))
    .filter((file) => file.endsWith(".ts"))
    .map((file) => path.join(folder, file))
)

const bundle = await rolldown({
  input: Object.fromEntries(publicModules.map((file) => [file.slice(0, -".ts".length), path.join(from, file)])),
  external: (specifier) => !specifier.startsWith(".") && !path.isAbsolute(specifier),
  platform: "node"
})

await bundle.write({
  dir: to,
  entryFileNames: "[name].js",
  chunkFileNames: "internal/[name].js",
  sourcemap: true,
  // They are shipped themselves.
  sourcemapExcludeSources: true
})
