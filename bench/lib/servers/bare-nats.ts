/** The client of NATS, as its documentation shows it. */
import { connect } from "@nats-io/transport-node"
import { batch, event, forever } from "./contender.ts"

export const subscribe = async (url: string, count: () => void): Promise<void> => {
  const connection = await connect({ servers: url })
  connection.subscribe("said", {
    callback: (_, message) => {
      message.json()
      count()
    }
  })
  await connection.flush()
}

export const publish = async (url: string): Promise<void> => {
  const connection = await connect({ servers: url })
  let n = 0
  await forever(() => {
    for (let i = 0; i < batch; i++) connection.publish("said", JSON.stringify(event(n++)))
    return connection.flush()
  })
}
