import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Dgram from "node:dgram"
import { subscribe, unsubscribe } from "node:diagnostics_channel"
import { deflateSync } from "node:zlib"
import * as Description from "../../src/internal/mdns/description.ts"
import type { Packet } from "../../src/internal/mdns/packet.ts"
import * as Sighting from "../../src/internal/mdns/sighting.ts"
import * as Sockets from "../../src/internal/mdns/socket.ts"
import * as Bytes from "../mdns/bytes.ts"
import { fuzz, runs } from "./luck.ts"

const json = JSON.stringify({
  Service: "orders",
  Version: "1",
  Endpoints: [{ name: "Orders.place", request: null, response: null, metadata: {} }],
  Metadata: { address: "micro://10.0.0.7:4000" }
})

const packets: ReadonlyArray<Buffer> = [
  Bytes.packet({ id: 0, flags: 0 }, { questions: [Bytes.question("orders.micro", "PTR")] }),
  Bytes.packet({ id: 0, flags: 0x8400 }, {
    answers: [
      Bytes.record("orders.micro", "PTR", 120, Bytes.name("o-1.orders.micro")),
      Bytes.record("o-1.orders.micro", "SRV", 120, Bytes.srv(4000, "host.local")),
      Bytes.record("o-1.orders.micro", "TXT", 120, Bytes.txt(json)),
      Bytes.record("host.local", "A", 120, Bytes.a("10.0.0.7"))
    ]
  }),
  // A name that points at itself, and one that points at another one again and again.
  Buffer.concat([Bytes.packet({ id: 0, flags: 0 }, {}).fill(1, 5, 6), Buffer.from([0xc0, 12, 0, 12, 0, 1])]),
  Buffer.concat([
    Bytes.packet({ id: 0, flags: 0 }, {}).fill(200, 5, 6),
    ...Array.from(
      { length: 200 },
      (_, index) => Buffer.from([1, 97, 0xc0, index === 0 ? 12 : 10 + 8 * index, 0, 12, 0, 1])
    )
  ])
]

/** Hears packets that nobody has sent: what the socket reads is handed to it. */
const ear = (onPacket: (packet: Packet) => void) =>
  Effect.gen(function*() {
    let opened: Dgram.Socket | undefined
    const note = (message: unknown) => {
      opened = (message as { readonly socket: Dgram.Socket }).socket
    }
    yield* Effect.acquireRelease(
      Effect.sync(() => subscribe("udp.socket", note)),
      () => Effect.sync(() => unsubscribe("udp.socket", note))
    )
    yield* Sockets.open({ family: 4, port: 0, onPacket, onGarbage: () => undefined })
    return (bytes: Buffer) =>
      void opened!.emit("message", bytes, { address: "127.0.0.1", family: "IPv4", port: 5353, size: bytes.length })
  })

describe("a packet of DNS", () => {
  it.live(
    "is heard or not, whatever is in it, and tells of instances that make sense",
    () =>
      Effect.scoped(Effect.gen(function*() {
        let heard = 0
        let told = 0
        const hear = yield* ear((packet) => {
          heard++
          for (const sighting of Sighting.fromPacket(packet, "micro")) {
            assert.isTrue(sighting.ttl >= 0 && sighting.ttl <= 75 * 60_000)
            const instance = Sighting.toInstance(sighting, "orders", "o-1")
            if (instance === undefined) continue
            told++
            assert.isTrue(URL.canParse(instance.address))
          }
        })
        runs((luck) => hear(luck.spoil(luck.pick(packets))))
        assert.isTrue(heard > 0 && told > 0)
      })),
    120_000
  )
})

describe("a packet that claims to hold more than it does", () => {
  it.live("is not heard, and none takes longer for it", () =>
    Effect.scoped(Effect.gen(function*() {
      let heard = 0
      const hear = yield* ear(() => heard++)
      const claims = Buffer.concat([packets[1].subarray(0, 110), Buffer.from([0, 16, 0, 1, 0, 0, 0, 120, 1, 8, 255])])
      for (const at of [4, 6, 8, 10]) {
        const claim = Buffer.from(claims)
        claim.writeUInt16BE(0xffff, at)
        hear(claim)
      }
      assert.strictEqual(heard, 0)
      hear(packets[1])
      assert.strictEqual(heard, 1)
    })))
})

describe("the description of an instance", () => {
  const honest = deflateSync(json)
  const bomb = deflateSync(JSON.stringify({ service: "x".repeat(10_000_000) }))

  fuzz("is read as texts, up to its limit, or not at all", (luck) => {
    const hex = luck.spoil(luck.below(50) === 0 ? bomb : honest).toString("hex")
    const read = Description.decode(luck.spoil(Buffer.from(hex)).toString("latin1"))
    if (read._tag === "None") return
    assert.isAtMost(JSON.stringify(read.value).length, 2 * Description.limit)
    assert.isTrue(Object.values(read.value.metadata).every((value) => typeof value === "string"))
  }, 0.1)
})
