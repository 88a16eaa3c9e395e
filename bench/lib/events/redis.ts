/** The client of Redis, as its documentation shows it: a stream, a group, and acknowledgements for many at a time. */
import { createClient } from "redis"
import { batch, event, forever } from "./contender.ts"
import * as Pace from "./pace.ts"

const key = "bare"

interface Entry {
  readonly id: string
  readonly message: Readonly<Record<string, string>>
}

export const subscribe = async (count: (events: number) => void, server: string): Promise<string> => {
  const { counted, facts } = await Pace.open(count)
  const client = await createClient({ url: server }).connect()
  const reader = await createClient({ url: server }).connect()
  await client.xGroupCreate(key, "g", "$", { MKSTREAM: true })
  const read = async (): Promise<void> => {
    const reply = await reader.xReadGroup("g", "one", { key, id: ">" }, { COUNT: 256, BLOCK: 5000 })
    const [stream] = (reply ?? []) as ReadonlyArray<{ readonly messages: ReadonlyArray<Entry> }>
    for (const { message } of stream?.messages ?? []) {
      JSON.parse(message["body"]!)
      counted()
    }
    if (stream !== undefined) void client.xAck(key, "g", stream.messages.map(({ id }) => id))
    return read()
  }
  void read()
  return facts
}

export const publish = async (facts: ReadonlyArray<string>, server: string): Promise<void> => {
  const room = await Pace.follow(facts)
  const client = await createClient({ url: server }).connect()
  const trim = { TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: 1_000_000 } } as const
  let n = 0
  await forever(async () => {
    await room(batch)
    await Promise.all(
      Array.from({ length: batch }, () => client.xAdd(key, "*", { body: JSON.stringify(event(n++)) }, trim))
    )
  })
}
