/**
 * Compiles the contenders and the library ahead, as its users get it: types stripped at the start of each process
 * would be most of the start that is to be measured.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { compile, join } from "../../scripts/build.ts"
import { contenders, type Entry } from "./contender.ts"

/** Where to, below the root of the package, at a depth of two; and what else than the library. */
export interface Options {
  readonly folder: string
  readonly entries: ReadonlyArray<Entry>
}

/** Compiles the package in `root` and its contenders to an empty folder of it; returns the program of a child. */
export const stage = (
  root: string,
  options: Options = { folder: ".cache/bench", entries: contenders }
): string => {
  const folder = path.join(root, options.folder)
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  const { exports, name } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"))
  // The nearest manifest decides what `effect-micro/…` means to a child: the compiled sources beside it.
  const compiled = JSON.parse(JSON.stringify(exports).replaceAll(".ts\"", ".js\""))
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ name, type: "module", exports: compiled }))
  fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify(config(options.entries)))
  const { output, status } = compile(folder, ["-p", "."])
  if (status !== 0) throw new Error(output)
  fs.rmSync(path.join(folder, "src"), { recursive: true })
  join(path.join(root, "src"), path.join(folder, "src"))
  return path.join(folder, "bench/lib/child.js")
}

// ---------------------------------------------------------------------------------------------------------------------

// Whether the types are right is for `npm run check` to say.
const config = (entries: ReadonlyArray<Entry>) => ({
  extends: "../../tsconfig.json",
  compilerOptions: {
    noEmit: false,
    noCheck: true,
    incremental: false,
    tsBuildInfoFile: null,
    rootDir: "../..",
    outDir: "."
  },
  include: ["../../bench/lib/child.ts", ...entries.map(({ module }) => `../../bench/${module}.ts`)],
  exclude: []
})
