/**
 * Compiles `src` to `dist`: declarations for each module, JavaScript in few files, and maps of both that lead to the
 * shipped sources.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileURLToPath } from "node:url"

/** Compiles the package that lies in `root` into an empty `dist`. Throws the compiler's own words where it cannot. */
export const build = (root: string, config = "tsconfig.build.json"): void => {
  fs.rmSync(path.join(root, "dist"), { recursive: true, force: true })
  const { output, status } = compile(root, ["-p", config])
  if (status !== 0) throw new Error(output)
  join(path.join(root, "src"), path.join(root, "dist"))
}

/** Makes JavaScript of the modules in a folder as users get it, in few files. */
export const join = (from: string, to: string): void => {
  const { status, stderr } = spawnSync(process.execPath, [joiner, from, to], { encoding: "utf8" })
  if (status !== 0) throw new Error(stderr)
}

/** Runs the compiler in a folder. */
export const compile = (
  folder: string,
  args: ReadonlyArray<string>
): { readonly status: number | null; readonly output: string } => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [tsc, ...args], { cwd: folder, encoding: "utf8" })
  return { status, output: stdout + stderr }
}

// ---------------------------------------------------------------------------------------------------------------------

const joiner = path.join(import.meta.dirname, "join.ts")

const tsc = fileURLToPath(new URL("bin/tsc", import.meta.resolve("typescript/package.json")))

if (import.meta.main) build(process.cwd())
