/**
 * Makes the tarball that is published.
 *
 * In the repository the package's exports are its sources, so that nothing has to be built to run a test; the tarball's
 * are `dist`. npm does not apply `publishConfig.exports`, so the tarball is made of a staged copy whose manifest has
 * them in place, and has neither scripts nor development dependencies.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { build } from "./build.ts"

/** Compiles and packs the package that lies in `root`; returns the tarball, which lies in `destination`. */
export const pack = (root: string, destination: string): string => {
  // Inside the repository, for the compiler to find what the sources depend on.
  fs.mkdirSync(path.join(root, ".cache"), { recursive: true })
  const staged = fs.mkdtempSync(path.join(root, ".cache/pack-"))
  try {
    for (const name of ["src", "docs", "README.md", "CHANGELOG.md", "LICENSE"]) {
      const from = path.join(root, name)
      if (fs.existsSync(from)) fs.cpSync(from, path.join(staged, name), { recursive: true })
    }
    fs.writeFileSync(path.join(staged, "tsconfig.json"), JSON.stringify(config))
    build(staged, "tsconfig.json")
    const manifest = published(JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")))
    fs.writeFileSync(path.join(staged, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`)
    const [{ filename }] = JSON.parse(npm(staged, ["pack", "--json", "--pack-destination", path.resolve(destination)]))
    return path.resolve(destination, filename)
  } finally {
    fs.rmSync(staged, { recursive: true })
  }
}

/** Runs npm in a folder as if no other npm had started it; returns what it says. Throws where it fails. */
export const npm = (folder: string, args: ReadonlyArray<string>): string => {
  const inherited = Object.entries(process.env).filter(([name]) =>
    !/^(npm_package_|npm_lifecycle_|npm_config_local_prefix$)/.test(name)
  )
  const { status, stderr, stdout } = spawnSync("npm", args, {
    cwd: folder,
    encoding: "utf8",
    env: Object.fromEntries(inherited)
  })
  if (status !== 0) throw new Error(`npm ${args.join(" ")}: ${stderr || stdout}`)
  return stdout
}

// ---------------------------------------------------------------------------------------------------------------------

const config = {
  extends: "../../tsconfig.build.json",
  compilerOptions: { rootDir: "src", outDir: "dist" },
  include: ["src"]
}

interface Manifest {
  readonly exports: unknown
  readonly publishConfig: { readonly exports: unknown }
}

const published = ({ publishConfig, ...manifest }: Manifest): object => {
  const { exports, ...publishing } = publishConfig
  const dropped = { scripts: undefined, devDependencies: undefined, allowScripts: undefined }
  return { ...manifest, ...dropped, exports, publishConfig: publishing }
}

if (import.meta.main) console.log(pack(process.cwd(), process.argv[2] ?? "."))
