/** A stretch of wire on the loopback interface that breaks where it is told to. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import * as Net from "node:net"
import type { AddressInfo, Socket } from "node:net"

/** Whose bytes: what the client sends, or what comes back. */
export type Direction = "request" | "reply"

/** What becomes of a connection. */
export type Deed =
  /** Both ends are reset. */
  | "reset"
  /** Both ends hear, in order, that no more will come. */
  | "close"
  /** Nothing gets through in either direction, nor that an end has gone. */
  | "silence"
  /** Everything gets through, in both directions, one byte in each turn of the event loop. */
  | "trickle"
  /** Other bytes come in place of all that follows in the direction. */
  | { readonly instead: Uint8Array }
  /** What is read in the direction is changed, until a change was made: then something else is returned. */
  | { readonly change: (read: Buffer) => Buffer }

/** A deed, and where: as soon as a connection is made, or when so many bytes have passed in a direction. */
export interface Fault {
  readonly at: "connect" | { readonly direction: Direction; readonly after: number }
  readonly deed: Deed
}

export interface Proxy {
  readonly port: number
  /** Lets one fault happen, to the first connection that gets there. Bytes are counted from now. */
  readonly arm: (fault: Fault) => Effect.Effect<void>
  /** Does something to all connections there are, now. */
  readonly strike: (deed: "reset" | "close" | "silence") => Effect.Effect<void>
  /** Completes when the fault that was armed last has happened. */
  readonly struck: Effect.Effect<void>
}

/** Carries connections to a port of the loopback interface, until the scope closes. */
export const make = (target: number): Effect.Effect<Proxy, never, Scope.Scope> =>
  Effect.gen(function*() {
    const links = new Set<Link>()
    let armed: Fault | undefined
    let struck = Deferred.makeUnsafe<void>()
    const claim = (link: Link, reached: (fault: Fault) => boolean): Fault | undefined => {
      const fault = armed
      if (fault === undefined || !links.has(link) || !reached(fault)) return undefined
      armed = undefined
      Deferred.doneUnsafe(struck, Exit.void)
      return fault
    }
    const accept = (socket: Socket) => {
      const link = makeLink(socket, target, (reached) => claim(link, reached))
      links.add(link)
      link.begin()
      link.onEnd(() => links.delete(link))
    }
    const server = Net.createServer({ allowHalfOpen: true, noDelay: true }, accept)
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const link of links) link.end()
        })
    )
    return {
      port: (server.address() as AddressInfo).port,
      arm: (fault) =>
        Effect.sync(() => {
          armed = fault
          struck = Deferred.makeUnsafe()
          for (const link of links) link.recount()
        }),
      strike: (deed) =>
        Effect.sync(() => {
          for (const link of links) link.suffer(deed)
        }),
      struck: Effect.suspend(() => Deferred.await(struck))
    }
  })

// ---------------------------------------------------------------------------------------------------------------------

/** One connection, with both of its sockets. */
interface Link {
  readonly begin: () => void
  readonly recount: () => void
  readonly suffer: (deed: "reset" | "close" | "silence") => void
  readonly end: () => void
  readonly onEnd: (then: () => void) => void
}

/** Node cannot reset a socket while its last bytes are on their way, and never lets go of one where it has tried. */
const reset = (socket: Net.Socket) => {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy()
  else socket.resetAndDestroy()
}

type Claim = (reached: (fault: Fault) => boolean) => Fault | undefined

const makeLink = (client: Socket, target: number, claim: Claim): Link => {
  const server = Net.connect({ host: "127.0.0.1", port: target, allowHalfOpen: true, noDelay: true })
  const ends = [client, server]
  const ways = { request: makeWay(client, server), reply: makeWay(server, client) }
  let silent = false

  const suffer = (deed: "reset" | "close" | "silence") => {
    if (deed === "silence") silent = true
    else if (deed === "reset") ends.forEach(reset)
    else for (const socket of ends) socket.end()
  }
  const happen = (deed: Deed, way: Way, rest: Buffer) => {
    if (typeof deed === "object") {
      way.lesson = "instead" in deed ? { said: deed.instead } : deed
      way.pass(rest)
    } else if (deed === "trickle") {
      for (const each of Object.values(ways)) each.slow = true
      way.pass(rest)
    } else if (deed === "silence") {
      suffer(deed)
    } else {
      // What went ahead must have been sent: a reset would overtake it.
      way.deaf = true
      way.flushed(() => suffer(deed))
    }
  }
  const carry = (direction: Direction) => {
    const way = ways[direction]
    way.from.on("data", (read: Buffer) => {
      if (silent || way.deaf) return
      const fault = claim(({ at }) =>
        at !== "connect" && at.direction === direction && way.passed + read.length > at.after
      )
      if (fault === undefined || fault.at === "connect") return way.pass(read)
      const room = fault.at.after - way.passed
      if (room > 0) way.pass(read.subarray(0, room))
      happen(fault.deed, way, read.subarray(Math.max(0, room)))
    })
    way.from.on("end", () => {
      if (!silent) way.flushed(() => way.to.end())
    })
    way.from.on("error", () => {
      if (!silent) reset(way.to)
    })
    way.from.on("close", () => {
      if (!silent) way.flushed(() => way.to.destroySoon())
    })
  }
  return {
    begin: () => {
      carry("request")
      carry("reply")
      const fault = claim(({ at }) => at === "connect")
      if (fault !== undefined) happen(fault.deed, ways.request, Buffer.alloc(0))
    },
    recount: () => {
      for (const way of Object.values(ways)) way.passed = 0
    },
    suffer,
    end: () => {
      for (const socket of ends) socket.destroy()
    },
    onEnd: (then) => {
      let open = ends.length
      for (const socket of ends) socket.on("close", () => --open === 0 && then())
    }
  }
}

/** One direction of a link. */
interface Way {
  readonly from: Socket
  readonly to: Socket
  /** Bytes that have passed since they were last counted from 0. */
  passed: number
  /** What has been done to what is read from now on. */
  lesson: { readonly said: Uint8Array } | { readonly change: (read: Buffer) => Buffer } | undefined
  slow: boolean
  /** Nothing more is taken. */
  deaf: boolean
  readonly pass: (read: Buffer) => void
  /** Runs when all that has passed was sent. */
  readonly flushed: (then: () => void) => void
}

const makeWay = (from: Socket, to: Socket): Way => {
  // Bytes that wait for their turn, one by one.
  let waiting = Buffer.alloc(0)
  let after: Array<() => void> = []
  const trickle = () => {
    // For a socket that has gone nothing waits any longer.
    if (to.destroyed) waiting = Buffer.alloc(0)
    else to.write(waiting.subarray(0, 1))
    waiting = waiting.subarray(1)
    if (waiting.length > 0) return void setImmediate(trickle)
    for (const then of after) then()
    after = []
  }
  const way: Way = {
    from,
    to,
    passed: 0,
    lesson: undefined,
    slow: false,
    deaf: false,
    pass: (read) => {
      way.passed += read.length
      const sent = taught(way, read)
      if (sent.length === 0) return
      if (way.slow) {
        const idle = waiting.length === 0
        waiting = Buffer.concat([waiting, sent])
        // Pulled along behind what has been sent: otherwise it would pile up here.
        from.pause()
        after.push(() => from.resume())
        if (idle) trickle()
      } else if (!to.write(sent)) {
        from.pause()
        to.once("drain", () => from.resume())
      }
    },
    flushed: (then) => {
      if (waiting.length > 0) after.push(then)
      else if (to.writable && to.writableLength > 0) to.write("", then)
      else then()
    }
  }
  return way
}

const taught = (way: Way, read: Buffer): Uint8Array => {
  const { lesson } = way
  if (lesson === undefined) return read
  if ("said" in lesson) {
    way.deaf = true
    return lesson.said
  }
  const changed = lesson.change(read)
  if (changed !== read) way.lesson = undefined
  return changed
}
