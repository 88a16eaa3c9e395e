/** The client of JetStream, as its documentation shows it: ids that it compares, explicit acknowledgements both ways. */
import { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream"
import { connect } from "@nats-io/transport-node"
import { batch, event, forever } from "./contender.ts"
import * as Pace from "./pace.ts"

const stream = "bare"

export const subscribe = async (count: (events: number) => void, server: string): Promise<string> => {
  const { counted, facts } = await Pace.open(count)
  const connection = await connect({ servers: server })
  const manager = await jetstreamManager(connection)
  await manager.streams.add({ name: stream, subjects: [`${stream}.>`], max_bytes: 1024 * 1024 * 1024 })
  await manager.consumers.add(stream, { durable_name: "g", ack_policy: AckPolicy.Explicit, max_ack_pending: 65_536 })
  const consumer = await jetstream(connection).consumers.get(stream, "g")
  await consumer.consume({
    max_messages: 256,
    callback: (message) => {
      message.json()
      counted()
      message.ack()
    }
  })
  return facts
}

export const publish = async (facts: ReadonlyArray<string>, server: string): Promise<void> => {
  const room = await Pace.follow(facts)
  const client = jetstream(await connect({ servers: server }))
  const run = Math.random().toString(36).slice(2)
  let n = 0
  await forever(async () => {
    await room(batch)
    await Promise.all(Array.from({ length: batch }, () => {
      const id = `${run}-${n}`
      return client.publish(`${stream}.said`, JSON.stringify(event(n++)), { msgID: id })
    }))
  })
}
