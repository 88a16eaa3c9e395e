/**
 * Measures the codecs against those that others use: `npm run bench:codec [-- --smoke]`, in nanoseconds per message.
 *
 * The contenders take turns, in changing order, so that a ratio is one of the same moments; of the rounds the fastest
 * counts, which is the one that was disturbed least. Only the codecs check what they write and read.
 */
import { createFileRegistry, fromBinary, toBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import type * as Schema from "effect/Schema"
import { Buffer } from "node:buffer"
import * as os from "node:os"
import protobuf from "protobufjs"
// oxlint-disable-next-line import/no-unassigned-import -- adds `toDescriptor` to roots
import "protobufjs/ext/descriptor.js"
import type { Format } from "../src/Codec.ts"
import * as Contract from "../src/Contract.ts"
import * as JsonCodec from "../src/Layers/JsonCodec.ts"
import * as ProtobufCodec from "../src/Layers/ProtobufCodec.ts"
import * as Protobuf from "../src/Protobuf.ts"
import { Large, large, Small, small } from "./lib/messages.ts"

interface Contender {
  readonly name: string
  readonly bytes: number
  readonly encode: () => unknown
  readonly decode: () => unknown
}

const smoke = process.argv.includes("--smoke")
const rounds = smoke ? 2 : 30
const millisARound = smoke ? 1 : 30

/** The schema's message as protobufjs and protobuf-es know it, out of the `.proto` file that is printed of it. */
const printed = <S extends Schema.Codec<any, any>>(schema: S) => {
  const contract = Contract.Service()("bench", { ask: Contract.method({ payload: schema, success: schema }) })
  const { root } = protobuf.parse(Protobuf.print(contract))
  root.resolveAll()
  const descriptor = root.toDescriptor("proto3")
  const set = fromBinary(FileDescriptorSetSchema, descriptor.$type.encode(descriptor).finish())
  // The one writes names that are relative, the other wants full ones.
  for (const { field } of set.file.flatMap(({ messageType }) => messageType)) {
    for (const one of field) if (!["", "."].includes(one.typeName.charAt(0))) one.typeName = `.bench.${one.typeName}`
  }
  return {
    type: root.lookupType("bench.AskRequest"),
    message: createFileRegistry(set).getMessage("bench.AskRequest")!
  }
}

const ofFormat = (name: string, format: Format, schema: Schema.Codec<any, any>, value: unknown): Contender => {
  const coder = format.coder(schema)
  const bytes = coder.encode(value)
  if (bytes._tag === "Failure") throw new Error(String(bytes.cause))
  return {
    name,
    bytes: bytes.value.length,
    encode: () => coder.encode(value),
    decode: () => coder.decode(bytes.value)
  }
}

const contenders = <S extends Schema.Codec<any, any>>(schema: S, value: S["Type"]): ReadonlyArray<Contender> => {
  const json = Buffer.from(JSON.stringify(value))
  const { message, type } = printed(schema)
  const coded = ProtobufCodec.format().coder(schema).encode(value)
  if (coded._tag === "Failure") throw new Error(String(coded.cause))
  const bytes = coded.value
  // What each library gives to those who use it; of the integers, the numbers that fit one.
  const ours = type.fromObject(type.toObject(type.decode(bytes), { longs: Number }))
  const theirs = fromBinary(message, bytes)
  return [
    {
      name: "bare JSON",
      bytes: json.length,
      encode: () => Buffer.from(JSON.stringify(value)),
      decode: () => JSON.parse(json.toString("utf8"))
    },
    ofFormat("JsonCodec", JsonCodec.format(), schema, value),
    ofFormat("ProtobufCodec", ProtobufCodec.format(), schema, value),
    {
      name: "protobufjs",
      bytes: type.encode(ours).finish().length,
      encode: () => type.encode(ours).finish(),
      decode: () => type.decode(bytes)
    },
    {
      name: "protobuf-es",
      bytes: toBinary(message, theirs).length,
      encode: () => toBinary(message, theirs),
      decode: () => fromBinary(message, bytes)
    }
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

/** Turned by one each round: nobody always follows the same one. */
const turned = <A>(list: ReadonlyArray<A>, round: number): ReadonlyArray<A> => [
  ...list.slice(round % list.length),
  ...list.slice(0, round % list.length)
]

const report = (title: string, list: ReadonlyArray<Contender>): void => {
  const best = new Map(list.map((contender) => [contender, { encode: Infinity, decode: Infinity }]))
  for (let round = 0; round < rounds; round++) {
    for (const [contender, times] of turned([...best], round)) {
      times.encode = Math.min(times.encode, measure(contender.encode))
      times.decode = Math.min(times.decode, measure(contender.decode))
    }
  }
  const both = (name: string) =>
    [...best].filter(([contender]) => contender.name === name).reduce((_, [, { decode, encode }]) => encode + decode, 0)
  console.log(`\n| ${title} | bytes | encode | decode | both | × bare JSON | × protobufjs |`)
  console.log("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
  for (const [{ bytes, name }, { decode, encode }] of best) {
    const ratio = (other: string) => ((encode + decode) / both(other)).toFixed(2)
    const times = [encode, decode, encode + decode].map((time) => time.toFixed(0))
    console.log(`| ${[name, bytes, ...times, ratio("bare JSON"), ratio("protobufjs")].join(" | ")} |`)
  }
}

const [cpu] = os.cpus()
console.log(`Node ${process.versions.node}, ${os.cpus().length} × ${cpu?.model.trim()}, best of ${rounds} rounds`)
report("{ id, name }", contenders(Small, small))
report("50 fields", contenders(Large, large))
