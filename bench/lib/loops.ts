/**
 * The closed loops of every workload, for a client that speaks promises.
 */
import type { Client } from "./contender.ts"
import type { Meter } from "./meter.ts"
import { type Bytes, bytes, type Message, message, type Text, text, type Workload } from "./workload.ts"

/** What a client can do. */
export interface Calls {
  readonly echo: (body: Message) => Promise<Message>
  readonly text?: (body: Text) => Promise<Text>
  readonly bytes?: (body: Bytes) => Promise<Bytes>
  /** One server stream to its end, which tells how many messages came with each chunk. */
  readonly range?: (length: number, received: (messages: number) => void) => Promise<void>
  /** Opens one bidirectional call; what it returns sends a message. */
  readonly pong?: (answered: () => void) => (body: Message) => void
}

/** A contender's client, of its calls. */
export const client = (calls: Calls): Client => ({
  once: () => calls.echo(message(1)),
  drive: (workload, meter) => {
    const loop = loopOf(calls, workload, meter)
    return Promise.all(Array.from({ length: workload.callers }, loop))
  }
})

/** An answer that is not what was sent makes its contender fail: nobody is fast by answering less. */
export const checked = <A>(answer: A, size: (answer: A) => number, expected: number): A => {
  const actual = size(answer)
  if (actual !== expected) throw new Error(`the answer holds ${actual} instead of ${expected}`)
  return answer
}

/** For calls that never leave the process: every so often one waits for a turn, or no timer would ever fire. */
export const inTurns = (echo: Calls["echo"]): Calls["echo"] => {
  let n = 0
  return async (body) => {
    if (++n % callsPerTurn === 0) await new Promise((resolve) => setImmediate(resolve))
    return echo(body)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const callsPerTurn = 1024

const loopOf = (calls: Calls, workload: Workload, meter: Meter): () => Promise<unknown> => {
  switch (workload.kind) {
    case "unary":
      return () => again(meter, (n) => calls.echo(message(n)))
    case "text": {
      const body = { id: 1, text: text(workload.size) }
      return () =>
        again(meter, async () => checked(await able(calls.text)(body), ({ text }) => text.length, workload.size))
    }
    case "bytes": {
      const body = { id: 1, bytes: bytes(workload.size) }
      return () =>
        again(meter, async () => checked(await able(calls.bytes)(body), ({ bytes }) => bytes.length, workload.size))
    }
    case "stream":
      return () => ranges(able(calls.range), workload.length, meter)
    case "pingpong":
      return () => pings(able(calls.pong), meter)
  }
}

const able = <A>(call: A | undefined): A => {
  if (call === undefined) throw new Error("this contender cannot do this workload")
  return call
}

const again = async (meter: Meter, call: (n: number) => Promise<unknown>): Promise<void> => {
  let at = performance.now()
  for (let n = 0; !meter.stopped(); n++) {
    await call(n)
    at = meter.answered(at)
  }
}

const ranges = async (range: NonNullable<Calls["range"]>, length: number, meter: Meter): Promise<void> => {
  while (!meter.stopped()) {
    let count = 0
    await range(length, (messages) => {
      count += messages
      meter.received(messages)
    })
    checked(count, (count) => count, length)
  }
}

const pings = (pong: NonNullable<Calls["pong"]>, meter: Meter): Promise<void> =>
  new Promise((resolve) => {
    let at = performance.now()
    let n = 0
    const send = pong(() => {
      at = meter.answered(at)
      if (meter.stopped()) resolve()
      else send(message(++n))
    })
    send(message(n))
  })
