/**
 * A modelled network: a transport between real clients and modelled servers. Either way takes 0.15 ms and a tenth more by
 * lot.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { Load } from "../../src/Load.ts"
import {
  type Call,
  type Connection,
  ConnectionLost,
  failure,
  NotConnected,
  type Reply,
  Transport,
  TransportError
} from "../../src/Transport.ts"
import * as Luck from "./luck.ts"
import type { Server } from "./server.ts"
import type { Time } from "./time.ts"

export interface Network {
  readonly transport: Transport["Service"]
  /** Attempts that were sent. */
  readonly sent: () => number
}

/** A network to the servers that there are at a time. */
export const make = (
  time: Time,
  servers: ReadonlyMap<string, Server>,
  work: Luck.Draw,
  draw: Luck.Draw
): Network => {
  const way = () => 0.15 + Luck.exponential(0.1, draw)
  let sent = 0

  /** What is heard of a server's load over one connection. */
  const reports = (server: Server) => {
    let load: Load | undefined
    let roundTrip = 0
    let asked = false
    const hear = () => {
      const said = asked ? server.tell() : undefined
      return () => {
        if (said !== undefined) load = { ...said, roundTrip, at: time.now() }
      }
    }
    const probe = Effect.callback<Load, TransportError>((resume) => {
      const since = time.now()
      time.in(way(), () => {
        if (!server.isAlive) return resume(Effect.fail(lost(server.address)))
        if (server.mood === "hangs") return
        asked = true
        const heard = hear()
        time.in(way(), () => {
          roundTrip = time.now() - since
          heard()
          resume(Effect.succeed(load!))
        })
      })
    })
    return { hear, load: () => load, probe }
  }

  const unary = (server: Server, call: Call, hear: () => () => void) =>
    Effect.callback<Reply, TransportError>((resume) => {
      sent++
      server.load++
      let isOver = false
      const end = (effect: Effect.Effect<Reply, TransportError>) => {
        if (isOver) return
        isOver = true
        resume(effect)
      }
      if (call.timeout !== undefined) {
        time.in(call.timeout, () => end(Effect.succeed(failure("DeadlineExceeded", "Nobody answered in time"))))
      }
      time.in(way(), () =>
        server.take(work(), (outcome) => {
          server.load--
          const heard = hear()
          time.in(way(), () => {
            heard()
            end(outcome === "done" ? Effect.succeed(done) : Effect.fail(lost(server.address)))
          })
        }))
      return Effect.sync(() => {
        isOver = true
      })
    })

  const connect = (address: string) =>
    Effect.gen(function*() {
      yield* Effect.callback<void>((resume) => void time.in(way() + way(), () => resume(Effect.void)))
      const server = servers.get(address)
      if (server?.isAlive !== true) {
        return yield* new TransportError({ reason: new NotConnected({ address, cause: undefined }) })
      }
      const { hear, load, probe } = reports(server)
      const connection: Connection = {
        unary: (call) => unary(server, call, hear),
        load,
        probe,
        stream: () => Stream.never,
        isOpen: () => server.isAlive,
        closed: Deferred.await(yield* Deferred.make<void>())
      }
      return connection
    })

  return {
    transport: Transport.of({ connect, listen: () => Effect.never }),
    sent: () => sent
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const done = new TextEncoder().encode("\"done\"")

const lost = (address: string): TransportError =>
  new TransportError({ reason: new ConnectionLost({ address, cause: undefined }) })
