/** Programs that tests talk to and that are built of Go in these folders. */
import { spawnSync } from "node:child_process"
import { createHash, randomUUID } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

export interface Built {
  readonly program: string
  /** Whether it cannot be built, for want of Go or its modules. Where tests must not be skipped that fails. */
  readonly isMissing: boolean
}

/** Builds the program of a folder, once for each state of its files. */
export const build = (source: string): Built => {
  const files = fs.readdirSync(source).map((name) => fs.readFileSync(path.join(source, name)))
  const digest = createHash("sha256").update(Buffer.concat(files)).digest("hex").slice(0, 16)
  const program = path.join(os.tmpdir(), `go-${path.basename(source)}-${digest}`)
  if (fs.existsSync(program)) return { program, isMissing: false }
  const unfinished = `${program}-${randomUUID()}`
  const { status, stderr } = spawnSync("go", ["build", "-o", unfinished, "."], { cwd: source, encoding: "utf8" })
  if (status === 0) fs.renameSync(unfinished, program)
  else if (process.env["CI"] !== undefined) throw new Error(`The program of ${source} cannot be built: ${stderr}`)
  return { program, isMissing: status !== 0 }
}
