/** Replies whose lengths lie, by lane: the message says that it is longer or shorter than it is. */
import type { Deed } from "./proxy.ts"

/** How the lane of a reply writes its length; under TLS there is nothing to change. */
export type Lane = "micro" | "http" | "grpc"

/** Changes the length of the first message of what comes back. */
export const of = (lane: Lane, length: (honest: number) => number): Deed => ({
  change: (read) => rewrites[lane](read, length)
})

// ---------------------------------------------------------------------------------------------------------------------

type Rewrite = (read: Buffer, length: (honest: number) => number) => Buffer

const message = 3
const data = 0

const rewrites: Readonly<Record<Lane, Rewrite>> = {
  micro: (read, length) => {
    for (let at = 0; at + 10 <= read.length; at += 4 + read.readUInt32BE(at)) {
      if (read[at + 4] === message) return replaced(read, at, length(read.readUInt32BE(at) - 6) + 6)
    }
    return read
  },
  grpc: (read, length) => {
    for (let at = 0; at + 9 <= read.length; at += 9 + read.readUIntBE(at, 3)) {
      if (read[at + 3] === data && read.readUIntBE(at, 3) > 5) {
        return replaced(read, at + 10, length(read.readUInt32BE(at + 10)))
      }
    }
    return read
  },
  http: (read, length) => {
    const text = read.toString("latin1")
    const lied = text.replace(/(content-length: )(\d+)/i, (_, name, honest) => `${name}${length(Number(honest))}`)
    return lied === text ? read : Buffer.from(lied, "latin1")
  }
}

const replaced = (read: Buffer, at: number, length: number): Buffer => {
  const changed = Buffer.from(read)
  changed.writeUInt32BE(length, at)
  return changed
}
