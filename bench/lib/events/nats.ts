/** The client of NATS, as its documentation shows it; with the headers that a broker sends, or without any. */
import { connect, headers, type MsgHdrs } from "@nats-io/transport-node"
import { batch, type Contender, event, forever } from "./contender.ts"
import * as Pace from "./pace.ts"

const contender = (describe: (n: number) => { readonly headers?: MsgHdrs }): Contender => ({
  subscribe: async (count, server) => {
    const { counted, facts } = await Pace.open(count)
    const connection = await connect({ servers: server })
    connection.subscribe("said", {
      callback: (_, message) => {
        message.json()
        counted()
      }
    })
    await connection.flush()
    return facts
  },
  publish: async (facts, server) => {
    const room = await Pace.follow(facts)
    const connection = await connect({ servers: server })
    let n = 0
    await forever(async () => {
      await room(batch)
      for (let i = 0; i < batch; i++, n++) connection.publish("said", JSON.stringify(event(n)), describe(n))
      await connection.flush()
    })
  }
})

export const plain = contender(() => ({}))

const run = Math.random().toString(36).slice(2)

export const described = contender((n) => {
  const written = headers()
  written.set("Nats-Msg-Id", `${run}-${n}`)
  written.set("content-type", "application/json")
  written.set("message-time", "2026-01-01T00:00:00.000Z")
  return { headers: written }
})
