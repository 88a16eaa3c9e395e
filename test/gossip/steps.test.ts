import { assert, describe, it } from "@effect/vitest"
import { Buffer } from "node:buffer"
import * as Lzw from "../../src/internal/gossip/wire/lzw.ts"
import type { NodeState, PushPull } from "../../src/internal/gossip/wire/messages.ts"
import type * as Packet from "../../src/internal/gossip/wire/packet.ts"
import * as Steps from "../../src/internal/gossip/wire/steps.ts"
import * as Stream from "../../src/internal/gossip/wire/stream.ts"
import * as Lone from "./lone.ts"

const count = 10_000

const nodes: ReadonlyArray<NodeState> = Array.from({ length: count }, (_, index) => {
  const { _tag, ...rest } = Lone.alive(`service-${index}`, 1000 + index, { meta: new Uint8Array(30).fill(index) })
  return { ...rest, state: "alive" }
})
const known: PushPull = { _tag: "PushPull", isJoin: false, nodes, userState: new Uint8Array(0) }

const open: Packet.Cluster = { label: new Uint8Array(0), compresses: false }
const keyring = { keys: [new Uint8Array(16)], nonce: () => new Uint8Array(12) }

const clusters: Readonly<Record<string, Packet.Cluster>> = {
  "in the clear": open,
  compressed: { ...open, compresses: true },
  "compressed and encrypted": { ...open, compresses: true, keyring }
}

/** How many steps there are, and what comes of them. */
const counted = <A>(steps: Steps.Steps<A>): readonly [steps: number, result: A] => {
  for (let count = 1;; count++) {
    const step = steps.next()
    if (step.done === true) return [count, step.value]
  }
}

const least = Math.ceil(count / Steps.members)

describe("what ten thousand members know", () => {
  for (const [how, cluster] of Object.entries(clusters)) {
    it(`is written and read, ${how}, in steps of a few hundred members each`, () => {
      const [written, bytes] = counted(Stream.writing(cluster, known, true))
      assert.isAtLeast(written, least)
      const [read, result] = counted(Stream.makeReader(cluster, true)(bytes))
      assert.isAtLeast(read, least)
      assert.deepStrictEqual((result as PushPull).nodes.length, count)
    })
  }

  it("is taken in by a few hundred members at a time, and packets in between", () => {
    const { heard, swim } = Lone.make()
    const steps = swim.merge(known)
    let before = swim.members().length
    for (let step = steps.next(); step.done !== true; step = steps.next()) {
      assert.isAtMost(swim.members().length - before, Steps.members)
      heard(Lone.suspect("service-0", "service-1"))
      before = swim.members().length
    }
    assert.lengthOf(swim.members(), count + 1)
    assert.strictEqual(swim.get("service-0")?.state, "suspect")
  })
})

describe("compression", () => {
  it("takes steps of a few thousand bytes, whichever way, however much they are worth", () => {
    for (const bytes of [new Uint8Array(1_000_000), Buffer.from(nodes.map(({ node }) => node).join())]) {
      const [there, compressed] = counted(Lzw.compressing(bytes))
      assert.isAtLeast(there, Math.floor(bytes.length / Steps.bytes))
      const [back, result] = counted(Lzw.decompressing(compressed, bytes.length))
      assert.isAtLeast(back, Math.floor(bytes.length / Steps.bytes))
      assert.isTrue(Buffer.compare(bytes, result) === 0)
    }
  })
})
