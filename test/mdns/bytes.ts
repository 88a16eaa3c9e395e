/** DNS packets by hand, so that what the library writes is held against something that is not the library. */
import * as zlib from "node:zlib"

export const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255])

export const u32 = (value: number): Buffer => Buffer.concat([u16(Math.floor(value / 65_536)), u16(value % 65_536)])

export const name = (text: string): Buffer =>
  Buffer.concat([
    ...text.split(".").map((label) => Buffer.concat([Buffer.from([Buffer.byteLength(label)]), Buffer.from(label)])),
    Buffer.from([0])
  ])

export const types = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, ANY: 255 } as const

/** Class IN, without the bit that asks for an answer to oneself alone. */
export const question = (text: string, type: keyof typeof types): Buffer =>
  Buffer.concat([name(text), u16(types[type]), u16(1)])

/** Class IN, without the bit that flushes caches. */
export const record = (owner: string, type: keyof typeof types, ttl: number, data: Buffer): Buffer =>
  Buffer.concat([name(owner), u16(types[type]), u16(1), u32(ttl), u16(data.length), data])

export const srv = (port: number, target: string, priority = 10, weight = 1): Buffer =>
  Buffer.concat([u16(priority), u16(weight), u16(port), name(target)])

export const a = (ip: string): Buffer => Buffer.from(ip.split(".").map(Number))

export const strings = (...parts: ReadonlyArray<string>): Buffer =>
  Buffer.concat(parts.map((part) => Buffer.concat([Buffer.from([part.length]), Buffer.from(part)])))

/** The TXT data of a JSON text, as Go Micro makes it. */
export const txt = (json: string): Buffer => strings(...zlib.deflateSync(json).toString("hex").match(/.{1,255}/g) ?? [])

export const packet = (
  head: { readonly id: number; readonly flags: number },
  sections: {
    readonly questions?: ReadonlyArray<Buffer>
    readonly answers?: ReadonlyArray<Buffer>
    readonly authorities?: ReadonlyArray<Buffer>
  }
): Buffer => {
  const { answers = [], authorities = [], questions = [] } = sections
  return Buffer.concat([
    ...[head.id, head.flags, questions.length, answers.length, authorities.length, 0].map(u16),
    ...questions,
    ...answers,
    ...authorities
  ])
}
