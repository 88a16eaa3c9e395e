/** The client of JetStream, as its documentation shows it. */
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect, headers } from "@nats-io/transport-node"
import { batch, event, forever } from "./contender.ts"

const stream = "bare"

export const subscribe = async (url: string, count: () => void): Promise<void> => {
  const connection = await connect({ servers: url })
  const manager = await jetstreamManager(connection)
  await manager.streams.add({ name: stream, subjects: [`${stream}.>`], max_bytes: 1024 * 1024 * 1024 })
  await manager.consumers.add(stream, { durable_name: "g", ack_policy: AckPolicy.Explicit, max_ack_pending: 65_536 })
  const consumer = await jetstream(connection).consumers.get(stream, "g")
  const messages = await consumer.consume({ max_messages: 256 })
  void (async () => {
    for await (const message of messages) {
      message.json()
      count()
      message.ack()
    }
  })()
}

export const publish = async (url: string): Promise<void> => {
  const connection = await connect({ servers: url })
  const client = jetstream(connection)
  const run = Math.random().toString(36).slice(2)
  let n = 0
  await forever(() =>
    Promise.all(Array.from({ length: batch }, () => {
      const head = headers()
      head.set("content-type", "application/json")
      return client.publish(`${stream}.said`, JSON.stringify(event(n)), { headers: head, msgID: `${run}-${n++}` })
    }))
  )
}
