/**
 * The file of a Unix domain socket: what an address says of it, and making way for it.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { CannotListen, TransportError } from "../../Transport.ts"

/** The address of a socket, a URL. */
export const address = (path: string): string => `unix:${encodeURI(path).replace(/[?#]/g, encodeURIComponent)}`

/**
 * Makes way for a socket at a path: a file that a dead process has left is removed.
 *
 * Two processes that start at once, both over what a third one has left, may each take the other's file for that; then the
 * one that came first is not found any more. Nothing short of a lock would tell them apart.
 */
export const clear = (path: string): Effect.Effect<void, TransportError> =>
  Effect.gen(function*() {
    const size = Buffer.byteLength(path)
    if (!path.startsWith("/")) return yield* cannotListen(path, "the path of a socket begins at the root")
    if (size > longest) return yield* cannotListen(path, `a path of ${size} bytes is over the system's ${longest}`)
    const found = yield* attempt(path, () => Fs.lstatSync(path, { throwIfNoEntry: false }))
    if (found === undefined) return
    if (!found.isSocket()) return yield* cannotListen(path, "there is a file that is no socket")
    if (yield* isAlive(path)) return yield* cannotListen(path, "a process listens there already")
    yield* attempt(path, () => Fs.rmSync(path, { force: true }))
  })

// ---------------------------------------------------------------------------------------------------------------------

/** Bytes that the system has for the path of a socket, without the one that ends it. */
const longest = process.platform === "linux" ? 107 : 103

const refusal = (path: string, problem: string, cause?: Error): TransportError =>
  new TransportError({ reason: new CannotListen({ address: address(path), problem, ...(cause && { cause }) }) })

const cannotListen = (path: string, problem: string) => Effect.fail(refusal(path, problem))

const attempt = <A>(path: string, read: () => A): Effect.Effect<A, TransportError> =>
  Effect.try({ try: read, catch: (cause) => refusal(path, (cause as Error).message, cause as Error) })

/** Whether anybody answers. Nobody does behind a file that was left. */
const isAlive = (path: string): Effect.Effect<boolean, TransportError> =>
  Effect.callback<boolean, TransportError>((resume) => {
    const socket = Net.connect(path)
    socket.once("connect", () => {
      socket.destroy()
      resume(Effect.succeed(true))
    })
    socket.once("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code === "ECONNREFUSED" || cause.code === "ENOENT") resume(Effect.succeed(false))
      else resume(Effect.fail(refusal(path, cause.message, cause)))
    })
    return Effect.sync(() => socket.destroy())
  })
