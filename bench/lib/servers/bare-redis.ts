/** The client of Redis, as its documentation shows it. */
import { createClient } from "redis"
import { batch, event, forever } from "./contender.ts"

const key = "bare"

export const subscribe = async (url: string, count: () => void): Promise<void> => {
  const client = await createClient({ url }).connect()
  const reader = await createClient({ url }).connect()
  await client.xGroupCreate(key, "g", "$", { MKSTREAM: true })
  void (async () => {
    for (;;) {
      const reply = await reader.xReadGroup("g", "one", { key, id: ">" }, { COUNT: 256, BLOCK: 5000 })
      const [stream] = (reply ?? []) as ReadonlyArray<{ readonly messages: ReadonlyArray<Entry> }>
      if (stream === undefined) continue
      for (const { message } of stream.messages) {
        JSON.parse(message["body"]!)
        count()
      }
      void client.xAck(key, "g", stream.messages.map(({ id }) => id))
    }
  })()
}

interface Entry {
  readonly id: string
  readonly message: Readonly<Record<string, string>>
}

export const publish = async (url: string): Promise<void> => {
  const client = await createClient({ url }).connect()
  const trim = { TRIM: { strategy: "MAXLEN", strategyModifier: "~", threshold: 1_000_000 } } as const
  const run = Math.random().toString(36).slice(2)
  let n = 0
  await forever(() =>
    Promise.all(Array.from({ length: batch }, () => {
      const fields = {
        id: `${run}-${n}`,
        headers: `{"content-type":"application/json"}`,
        body: JSON.stringify(event(n++))
      }
      return client.xAdd(key, "*", fields, trim)
    }))
  )
}
