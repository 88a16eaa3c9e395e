/**
 * What a socket reads, and who takes it.
 *
 * Node has new memory for each read, 64 KiB of it. A socket that is dialled can have one piece for all its reads, and so can
 * all such sockets, since each read is taken before the next one: a large message then comes in fewer reads, and leaves
 * nothing behind for the collector. Node has no such way for a socket that was accepted.
 */
import type { OnReadOpts, Socket } from "node:net"

/** Takes what was read. Of memory that is shared nothing is left behind when it returns. */
export type Take = (chunk: Buffer, isShared: boolean) => void

export interface Intake {
  /** Has what is read from now on taken so, and no longer as before. */
  readonly into: (take: Take) => void
}

/** For a socket that is yet to be made, with this option. */
export const shared = (): Intake & { readonly onread: OnReadOpts } => {
  let take: Take | undefined
  memory ??= Buffer.allocUnsafeSlow(size)
  return {
    into: (next) => {
      take = next
    },
    onread: {
      buffer: memory,
      callback: (length, bytes) => {
        take?.((bytes as Buffer).subarray(0, length), true)
        return true
      }
    }
  }
}

/** For any socket. */
export const of = (socket: Socket): Intake => {
  let listener: ((chunk: Buffer) => void) | undefined
  return {
    into: (take) => {
      if (listener !== undefined) socket.removeListener("data", listener)
      listener = (chunk) => take(chunk, false)
      socket.on("data", listener)
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const size = 256 * 1024

/** Made when it is needed: most of it costs nothing before a read fills it. */
let memory: Buffer | undefined
