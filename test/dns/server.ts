/** A DNS server on the loopback interface, with a zone that tests write. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as dgram from "node:dgram"
import * as Bytes from "../mdns/bytes.ts"

type Type = "A" | "AAAA" | "SRV"

export interface Entry {
  readonly name: string
  readonly type: Type
  readonly ttl: number
  readonly data: Buffer
}

export interface Server {
  /** `127.0.0.1:…` */
  readonly address: string
  /** Replaces all that it knows. */
  readonly know: (...entries: ReadonlyArray<Entry>) => Effect.Effect<void>
  /** Answers that it has failed, from now on. */
  readonly fail: (isFailing: boolean) => Effect.Effect<void>
  /** How often it was asked for a name and type. */
  readonly asked: (name: string, type: Type) => Effect.Effect<number>
  /** Is done when it is asked for a name and type the next time. */
  readonly nextQuestion: (name: string, type: Type) => Effect.Effect<void>
}

/** An address record, of IPv4. */
export const a = (name: string, ip: string, ttl = 60): Entry => ({ name, type: "A", ttl, data: Bytes.a(ip) })

/** An address record, of the loopback address of IPv6. */
export const loopback6 = (name: string, ttl = 60): Entry => ({
  name,
  type: "AAAA",
  ttl,
  data: Buffer.from([...Array.from({ length: 15 }, () => 0), 1])
})

export const srv = (name: string, port: number, target: string, priority = 10, weight = 1): Entry => ({
  name,
  type: "SRV",
  ttl: 60,
  data: Bytes.srv(port, target, priority, weight)
})

/** A server until the scope closes. */
export const open: Effect.Effect<Server, never, Scope.Scope> = Effect.gen(function*() {
  let zone: ReadonlyArray<Entry> = []
  let isFailing = false
  const counts = new Map<string, number>()
  const curious: Array<{ readonly key: string; readonly told: () => void }> = []
  const socket = yield* Effect.acquireRelease(
    Effect.callback<dgram.Socket>((resume) => {
      const socket = dgram.createSocket("udp4")
      socket.bind(0, "127.0.0.1", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.callback<void>((resume) => void socket.close(() => resume(Effect.void)))
  )
  socket.on("message", (query, from) => {
    const { end, name, type } = questionOf(query)
    const key = `${type} ${name}`
    counts.set(key, (counts.get(key) ?? 0) + 1)
    for (const one of curious) if (one.key === key) one.told()
    const owned = zone.filter((entry) => entry.name === name)
    const answers = isFailing ? [] : owned.filter((entry) => entry.type === type)
    // Failed is 2, and no such name 3; a name without records of the type is an answer without any.
    const code = isFailing ? 2 : owned.length === 0 ? 3 : 0
    const records = answers.map((entry) => Bytes.record(name, entry.type, entry.ttl, entry.data))
    const counted = [1, answers.length, 0, 0].map(Bytes.u16)
    const head = [query.subarray(0, 2), Bytes.u16(0x8580 | code), ...counted]
    socket.send(Buffer.concat([...head, query.subarray(12, end), ...records]), from.port, from.address)
  })
  return {
    address: `127.0.0.1:${socket.address().port}`,
    know: (...entries) => Effect.sync(() => void (zone = entries)),
    fail: (failing) => Effect.sync(() => void (isFailing = failing)),
    asked: (name, type) => Effect.sync(() => counts.get(`${type} ${name}`) ?? 0),
    nextQuestion: (name, type) =>
      Effect.callback((resume) => void curious.push({ key: `${type} ${name}`, told: () => resume(Effect.void) }))
  }
})

// ---------------------------------------------------------------------------------------------------------------------

const questionOf = (query: Buffer): { readonly name: string; readonly type: string; readonly end: number } => {
  const labels: Array<string> = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString("utf8", at + 1, at + 1 + length))
    at += 1 + length
  }
  const number = query.readUInt16BE(at + 1)
  const type = Object.entries(Bytes.types).find(([, value]) => value === number)?.[0] ?? String(number)
  return { name: labels.join(".").toLowerCase(), type, end: at + 5 }
}
