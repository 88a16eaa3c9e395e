/**
 * Measures what the JSON codec adds to the engine's own JSON: `node bench/json.ts`, in nanoseconds per message.
 *
 * The contenders take turns, so that a ratio is one of the same moments; of the rounds the fastest counts, which is the
 * one that was disturbed least.
 */
import type * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import * as JsonCodec from "../src/Layers/JsonCodec.ts"
import { Large, large, Small, small } from "./lib/messages.ts"

interface Contender {
  readonly name: string
  readonly encode: () => unknown
  readonly decode: () => unknown
}

const rounds = 30
const millisARound = 30

const contenders = <S extends Schema.Codec<any, any>>(schema: S, value: S["Type"]): ReadonlyArray<Contender> => {
  const coder = JsonCodec.format().coder(schema)
  const bytes = Buffer.from(JSON.stringify(value))
  return [
    {
      name: "bare JSON",
      encode: () => Buffer.from(JSON.stringify(value)),
      decode: () => JSON.parse(bytes.toString("utf8"))
    },
    { name: "JsonCodec", encode: () => coder.encode(value), decode: () => coder.decode(bytes) }
  ]
}

/** Nanoseconds that one run takes, of as many as fit into a round. */
const measure = (run: () => unknown): number => {
  const start = process.hrtime.bigint()
  const end = start + BigInt(millisARound) * 1_000_000n
  let runs = 0
  let now = start
  while (now < end) {
    for (let i = 0; i < 500; i++) run()
    runs += 500
    now = process.hrtime.bigint()
  }
  return Number(now - start) / runs
}

const report = (title: string, list: ReadonlyArray<Contender>): void => {
  const best = list.map(() => ({ encode: Infinity, decode: Infinity }))
  for (let round = 0; round < rounds; round++) {
    for (const [i, { decode, encode }] of list.entries()) {
      best[i].encode = Math.min(best[i].encode, measure(encode))
      best[i].decode = Math.min(best[i].decode, measure(decode))
    }
  }
  const bare = best[0].encode + best[0].decode
  console.log(`\n| ${title} | encode | decode | both | × bare |\n| --- | --- | --- | --- | --- |`)
  for (const [i, { name }] of list.entries()) {
    const { decode, encode } = best[i]
    const both = encode + decode
    console.log(
      `| ${name} | ${encode.toFixed(0)} | ${decode.toFixed(0)} | ${both.toFixed(0)} | ${(both / bare).toFixed(2)} |`
    )
  }
}

report("{ id, name }", contenders(Small, small))
report("50 fields", contenders(Large, large))
