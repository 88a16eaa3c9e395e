/** All sockets that this process opens, whoever opens them. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import type { Socket } from "node:net"

/** The sockets made since, at either end, until the scope closes. */
export const watch: Effect.Effect<ReadonlySet<Socket>, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => {
      const sockets = new Set<Socket>()
      const note = (message: unknown) => void sockets.add((message as { readonly socket: Socket }).socket)
      for (const channel of channels) subscribe(channel, note)
      return { note, sockets }
    }),
    ({ note }) =>
      Effect.sync(() => {
        for (const channel of channels) unsubscribe(channel, note)
      })
  ),
  ({ sockets }) => sockets
)

// ---------------------------------------------------------------------------------------------------------------------

const channels = ["net.client.socket", "net.server.socket"]
