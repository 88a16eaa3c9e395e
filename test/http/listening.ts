/** Servers of Node's own, for as long as a scope is open. */
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import type { AddressInfo } from "node:net"

/** Has a server listen on the loopback interface until the scope closes; gives its port. */
export const listening = (server: Http.Server) =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    () => (server.address() as AddressInfo).port
  )
