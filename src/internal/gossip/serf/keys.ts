/**
 * New keys while a cluster runs: an operator installs, uses and removes them with Serf's own commands.
 */
import { Buffer } from "node:buffer"
import type { Ring } from "../registry/ring.ts"
import * as Bodies from "../wire/bodies.ts"
import * as Msgpack from "../wire/msgpack.ts"
import { attempt, isProblem } from "../wire/problem.ts"
import { behind, type Query } from "./messages.ts"

/** The answer to a question about keys; nothing where it is another one. */
export const answer = (query: Query, ring: Ring | undefined): Uint8Array | undefined => {
  const deed = deeds[query.name]
  if (deed === undefined) return undefined
  if (ring === undefined) return written({ isDone: false, message: "This member has no keys", keys: [] })
  const key = attempt(() =>
    query.payload.length < 2 ? nothing : Bodies.raw(Msgpack.fields(behind(query.payload)), "Key")
  )
  if (isProblem(key)) return written({ isDone: false, message: key.message, keys: [] })
  const problem = deed(ring, key)
  const keys = query.name === list ? ring.keys.map((key) => Buffer.from(key).toString("base64")) : []
  return written({ isDone: problem === undefined, message: problem ?? "", keys })
}

// ---------------------------------------------------------------------------------------------------------------------

const nothing = new Uint8Array(0)

const list = "_serf_list-keys"

const deeds: Readonly<Record<string, (ring: Ring, key: Uint8Array) => string | undefined>> = {
  "_serf_install-key": (ring, key) => ring.install(key),
  "_serf_use-key": (ring, key) => ring.use(key),
  "_serf_remove-key": (ring, key) => ring.remove(key),
  [list]: () => undefined
}

interface Answer {
  readonly isDone: boolean
  readonly message: string
  readonly keys: ReadonlyArray<string>
}

const responseType = 8

/** A map of four: the keys are a list, which no other message that is written here has. */
const written = ({ isDone, keys, message }: Answer): Uint8Array => {
  const writer = Msgpack.makeWriter()
  writer.byte(responseType)
  writer.byte(0x84)
  writer.write("Keys")
  writer.byte(0xDC)
  writer.byte(keys.length >> 8)
  writer.byte(keys.length & 255)
  for (const key of keys) writer.write(key)
  writer.write("Message")
  writer.write(message)
  writer.write("PrimaryKey")
  writer.write(keys[0] ?? "")
  writer.write("Result")
  writer.write(isDone)
  return writer.bytes()
}
