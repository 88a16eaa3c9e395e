import { assert, describe, it } from "@effect/vitest"
import { Buffer } from "node:buffer"
import * as Bodies from "../../src/internal/gossip/wire/bodies.ts"
import * as Lzw from "../../src/internal/gossip/wire/lzw.ts"
import type { Alive, Message, NodeState, StreamMessage } from "../../src/internal/gossip/wire/messages.ts"
import * as Packet from "../../src/internal/gossip/wire/packet.ts"
import { isProblem, type Problem } from "../../src/internal/gossip/wire/problem.ts"
import * as Steps from "../../src/internal/gossip/wire/steps.ts"
import * as Stream from "../../src/internal/gossip/wire/stream.ts"
import { makeLots } from "./lots.ts"

const rounds = Number(process.env["FUZZ"] ?? 100_000)

const loopback = Uint8Array.of(127, 0, 0, 1)
const versions = { protocol: { min: 1, max: 5, current: 2 }, delegate: { min: 2, max: 5, current: 5 } }
const alive: Alive = {
  _tag: "Alive",
  incarnation: 200,
  node: "n",
  address: loopback,
  port: 7946,
  meta: new Uint8Array(0),
  versions
}

const messages: ReadonlyArray<Message> = [
  { _tag: "Ping", sequence: 300, node: "a", source: { address: loopback, port: 7946, node: "b" } },
  { _tag: "Ping", sequence: 1, node: "a", source: undefined },
  {
    _tag: "IndirectPing",
    sequence: 0xFFFF_FFFF,
    node: "ä",
    target: { address: new Uint8Array(16), port: 65_535 },
    wantsNack: true,
    source: undefined
  },
  { _tag: "Ack", sequence: 7, payload: undefined },
  { _tag: "Ack", sequence: 7, payload: new Uint8Array(40) },
  { _tag: "Nack", sequence: 128 },
  alive,
  { ...alive, meta: new Uint8Array(512).fill(7) },
  { _tag: "Suspect", incarnation: 3, node: "a", from: "b" },
  { _tag: "Dead", incarnation: 65_536, node: "a", from: "a" },
  { _tag: "User", payload: Uint8Array.of(1, 2, 3) }
]

const open: Packet.Cluster = { label: new Uint8Array(0), compresses: false }

const clusters: Readonly<Record<string, Packet.Cluster>> = {
  "in the clear": open,
  compressed: { ...open, compresses: true },
  labelled: { ...open, label: Buffer.from("blue") },
  "encrypted with 16 bytes": { ...open, keyring: keyring(16) },
  "encrypted with 24 bytes, compressed": { ...open, compresses: true, keyring: keyring(24) },
  "encrypted with 32 bytes, compressed, labelled": {
    label: Buffer.from("blue"),
    compresses: true,
    keyring: keyring(32)
  }
}

const nodes: ReadonlyArray<NodeState> = (["alive", "suspect", "dead", "left"] as const).map((state, index) => ({
  node: `node-${index}`,
  incarnation: index,
  address: loopback,
  port: 7946 + index,
  meta: new Uint8Array(index),
  state,
  versions
}))

const streamed: ReadonlyArray<StreamMessage> = [
  { _tag: "PushPull", isJoin: true, nodes, userState: Buffer.from("state") },
  { _tag: "PushPull", isJoin: false, nodes: [], userState: new Uint8Array(0) },
  { _tag: "Ping", sequence: 300, node: "a", source: undefined },
  { _tag: "Ack", sequence: 7, payload: undefined },
  { _tag: "User", payload: new Uint8Array(70_000).fill(9) },
  { _tag: "Refusal", message: "no" }
]

describe("the messages of memberlist", () => {
  it("are the bytes that Go writes", () => {
    const vectors: ReadonlyArray<readonly [Message, string]> = [
      [
        messages[0]!,
        "85a44e6f6465a161a55365714e6fcd012caa536f7572636541646472a47f000001aa536f757263654e6f6465a162aa536f75726365506f7274"
        + "cd1f0a"
      ],
      [messages[3]!, "82a75061796c6f6164c0a55365714e6f07"],
      [
        alive,
        "86a441646472a47f000001ab496e6361726e6174696f6eccc8a44d657461c0a44e6f6465a16ea4506f7274cd1f0aa356736ea6010502020505"
      ]
    ]
    for (const [message, hex] of vectors) {
      const bytes = Bodies.write(message)
      assert.strictEqual(bytes[0], Bodies.Type[message._tag])
      assert.strictEqual(Buffer.from(bytes.subarray(1)).toString("hex"), hex)
    }
    const header = "83a44a6f696ec3a54e6f64657303ac5573657253746174654c656e00"
    const joining = write(open, { ...pushPull(nodes.slice(0, 3)), isJoin: true }, true)
    assert.strictEqual(Buffer.from(joining.subarray(1, 1 + header.length / 2)).toString("hex"), header)
    const packed = Lzw.compress(Buffer.from("hello hello hello"))
    assert.strictEqual(Buffer.from(packed).toString("hex"), "00d19461c3e60d0881040d222c1810")
  })

  it("are read as older and newer libraries of Go write them", () => {
    const header = (hex: string) => makeReader(open, true)(Buffer.from(`06${hex}`, "hex"))
    assert.deepStrictEqual(
      plain(header("83a44a6f696ec2a54e6f64657300ac5573657253746174654c656ed20000000161")),
      plain({ _tag: "PushPull", isJoin: false, nodes: [], userState: Buffer.from("a") })
    )
    // A count of 200 as a signed number: it is believed, and more is awaited.
    assert.isUndefined(header("83a44a6f696ec2a54e6f646573d100c8ac5573657253746174654c656ed200009c40"))
    assert.isUndefined(header("83a44a6f696ec2a54e6f646573ccc8ac5573657253746174654c656ecd9c40"))
    // bin8 and str8, an unknown key, and a list of numbers for bytes.
    const ack = Packet.read(open, Buffer.from("0283d9075061796c6f616493010203a55365714e6f07a15a90", "hex"))
    assert.deepStrictEqual(plain(ack), plain([{ _tag: "Ack", sequence: 7, payload: Uint8Array.of(1, 2, 3) }]))
  })

  for (const [name, cluster] of Object.entries(clusters)) {
    it(`come back from a packet, ${name}`, () => {
      const written = messages.map(Bodies.write)
      for (const [index, message] of messages.entries()) {
        assert.deepStrictEqual(
          plain(Packet.read(cluster, Packet.write(cluster, [written[index]!], false))),
          plain([message])
        )
      }
      const packet = Packet.write(cluster, written, true)
      assert.deepStrictEqual(plain(Packet.read(cluster, packet)), plain(messages))
      const size = written.reduce((sum, { length }) => sum + length, 0)
      assert.isAtMost(packet.length, size + Packet.overhead(cluster, messages.length))
    })

    it(`come back from a stream in pieces of any size, ${name}`, () => {
      for (const message of streamed) {
        for (const dials of [true, false]) {
          const bytes = write(cluster, message, dials)
          for (const size of [1, 2, 7, 4096, bytes.length]) {
            if (bytes.length / size > 5000) continue
            assert.deepStrictEqual(plain(fed(makeReader(cluster, dials), bytes, size)), plain(message))
          }
        }
      }
    })
  }
})

describe("a stranger's bytes", () => {
  it("are told apart: another label, another key, no key, damage", () => {
    const labelled = { ...open, label: Buffer.from("blue") }
    const secret = { ...open, keyring: keyring(16) }
    const other = { ...open, keyring: keyring(16, 9) }
    const packet = (cluster: Packet.Cluster) => Packet.write(cluster, [Bodies.write(alive)], true)
    const kinds = [
      Packet.read(open, packet(labelled)),
      Packet.read(labelled, packet(open)),
      Packet.read(other, packet(secret)),
      Packet.read(secret, packet(open)),
      Packet.read(open, Uint8Array.from(packet(open), (byte, at) => at === 20 ? byte ^ 1 : byte))
    ].map((result) => problem(result).kind)
    assert.deepStrictEqual(kinds, ["WrongLabel", "WrongLabel", "WrongKey", "NotEncrypted", "BadChecksum"])
    const stream = (from: Packet.Cluster, to: Packet.Cluster) =>
      problem(makeReader(to, true)(write(from, pushPull(nodes), true))).kind
    assert.strictEqual(stream(secret, other), "WrongKey")
    assert.strictEqual(stream(secret, open), "WrongKey")
    assert.strictEqual(stream(open, secret), "NotEncrypted")
    assert.strictEqual(stream(labelled, open), "WrongLabel")
    assert.include(problem(Packet.read(labelled, packet(open))).message, `"blue"`)
  })

  it("are opened by any key of a ring, and hidden by the first", () => {
    const [old, young] = [keyring(16, 1).keys[0]!, keyring(32, 2).keys[0]!]
    const both = { ...open, keyring: { ...keyring(16), keys: [young, old] } }
    const onlyOld = { ...open, keyring: { ...keyring(16), keys: [old] } }
    const packet = Packet.write(onlyOld, [Bodies.write(alive)], false)
    assert.deepStrictEqual(plain(Packet.read(both, packet)), plain([alive]))
    assert.strictEqual(problem(Packet.read(onlyOld, Packet.write(both, [Bodies.write(alive)], false))).kind, "WrongKey")
  })

  it("cannot claim more than there is", () => {
    const tooMany = Buffer.from("0683a44a6f696ec2a54e6f646573ceffffffffac5573657253746174654c656e00", "hex")
    assert.strictEqual(problem(makeReader(open, true)(tooMany)).kind, "TooLarge")
    const bomb = Steps.run(Packet.compressing(new Uint8Array(1_000_000)))
    assert.strictEqual(problem(Packet.read(open, bomb)).kind, "TooLarge")
    const long = makeReader(open, true, { maxNodes: 10, maxBytes: 1000 })
    assert.strictEqual(problem(long(new Uint8Array(5000))).kind, "TooLarge")
  })

  it("leave of a packet that was cut short what came whole", () => {
    const packet = Packet.write(open, messages.map(Bodies.write), false)
    const read = Packet.read(open, packet.subarray(0, packet.length - 1))
    assert.deepStrictEqual(plain(read), plain(messages.slice(0, -1)))
  })

  it("compress and decompress, whatever they are", () => {
    const lots = makeLots(7)
    for (let round = 0; round < 300; round++) {
      const bytes = lots.bytes(lots.below(20_000), 1 + lots.below(256))
      assert.isTrue(Buffer.from(Lzw.decompress(Lzw.compress(bytes), 20_000)).equals(bytes), `round ${round}`)
    }
  })

  it("never crash, hang or swell a reader, however they are mangled", { timeout: 60_000 + rounds / 5 }, () => {
    const lots = makeLots(11)
    const packets = Object.values(clusters).flatMap((cluster) =>
      messages.map((message) =>
        [cluster, Packet.write(cluster, [Bodies.write(message), Bodies.write(alive)], true)] as const
      )
    )
    const streams = Object.values(clusters).flatMap((cluster) =>
      streamed.slice(0, 4).map((message) => [cluster, write(cluster, message, true)] as const)
    )
    for (let round = 0; round < rounds; round++) {
      const [cluster, bytes] = lots.one(round % 2 === 0 ? packets : streams)
      const mangled = lots.below(4) === 0 ? lots.bytes(lots.below(200), 256) : lots.mangle(bytes)
      // Damage inside an encrypted message shows as a wrong key, so most rounds go to what is not.
      const target = lots.below(4) === 0 ? cluster : open
      const result = round % 2 === 0
        ? Packet.read(target, mangled)
        : fed(makeReader(target, true), mangled, 1 + lots.below(64))
      if (isProblem(result)) assert.isBelow(result.message.length, 500, `round ${round}`)
    }
  })
})

// ---------------------------------------------------------------------------------------------------------------------

function keyring(size: number, fill = 5) {
  let count = 0
  return { keys: [new Uint8Array(size).fill(fill)], nonce: () => new Uint8Array(12).fill(count++) }
}

const pushPull = (nodes: ReadonlyArray<NodeState>): StreamMessage & { readonly _tag: "PushPull" } => ({
  _tag: "PushPull",
  isJoin: false,
  nodes,
  userState: new Uint8Array(0)
})

const write = (...parameters: Parameters<typeof Stream.writing>): Uint8Array => Steps.run(Stream.writing(...parameters))

/** Takes in a chunk, and does all its steps. */
type Reader = (chunk: Uint8Array) => StreamMessage | Problem | undefined

const makeReader = (...parameters: Parameters<typeof Stream.makeReader>): Reader => {
  const reader = Stream.makeReader(...parameters)
  return (chunk) => Steps.run(reader(chunk))
}

const fed = (reader: Reader, bytes: Uint8Array, size: number): ReturnType<Reader> => {
  for (let at = 0; at < bytes.length; at += size) {
    const result = reader(bytes.subarray(at, at + size))
    if (result !== undefined) return result
  }
  return undefined
}

const problem = (result: unknown): Problem => {
  if (!isProblem(result)) throw new Error(`No problem: ${JSON.stringify(result)}`)
  return result
}

/** Bytes as lists: whether they are a `Buffer`, and of which memory, is of no importance. */
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? [...value]
    : Array.isArray(value)
    ? value.map(plain)
    : typeof value === "object" && value !== null
    ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]))
    : value
