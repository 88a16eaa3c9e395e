/**
 * Google's own compiler, which also reads and writes messages as text.
 */
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

/** Whether it is installed. Where tests must not be skipped it has to be, and what asks for it says so by failing. */
export const isMissing = process.env["CI"] === undefined && spawnSync("protoc", ["--version"]).status !== 0

/** A `.proto` file, and what `protoc` makes of it. Throws what `protoc` says of a file that it does not accept. */
export const open = (text: string) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "proto-"))
  fs.writeFileSync(path.join(folder, "contract.proto"), text)
  const run = (flags: ReadonlyArray<string>, input: string | Uint8Array): Uint8Array => {
    const { error, status, stderr, stdout } = spawnSync("protoc", [...flags, "contract.proto"], { cwd: folder, input })
    if (error !== undefined) throw error
    if (status !== 0) throw new Error(`${stderr}\n${text}`)
    return stdout
  }
  run(["--descriptor_set_out=contract.bin"], "")
  return {
    /** The bytes of a message that is given in protobuf's text format. */
    encode: (type: string, message: string): Uint8Array => run([`--encode=${type}`], message),
    /** A message in protobuf's text format. */
    decode: (type: string, bytes: Uint8Array): string => Buffer.from(run([`--decode=${type}`], bytes)).toString(),
    [Symbol.dispose]: () => fs.rmSync(folder, { recursive: true })
  }
}
