/**
 * JSON with its long texts and its bytes beside it, for peers that are known to read it.
 *
 * To escape a long text and to scan it again, or to write bytes as base64, costs ten times what it costs to copy them. So
 * they are left out of the JSON, `null` in their place, and follow it as they are. A message that has none is plain JSON;
 * one that has begins with a zero, as no JSON does:
 *
 * ```
 * 0 u8 | length of the outline u32 | outline, JSON: [the rest, [[path, kind, length], …]] | the parts, one after another
 * ```
 */
import { Buffer } from "node:buffer"
import * as Utf8 from "../codec/utf8.ts"
import * as Memory from "../memory.ts"
import * as JsonText from "./text.ts"

/** Writes plain data, in which bytes may be a `Uint8Array`. */
export const write = (plain: unknown): Uint8Array => Memory.made(written(plain))

/** Reads plain data, bytes as views of what was read; throws where it is none, or nested more deeply than allowed. */
export const read = (bytes: Uint8Array, maxDepth: number): unknown => {
  const outline = bytes.length > 0 && bytes[0] === 0 ? readOutline(bytes, maxDepth) : undefined
  const plain = outline === undefined ? JSON.parse(JsonText.read(bytes, maxDepth)) : withParts(outline, bytes)
  // A text is a copy of its bytes, and so is all of the JSON.
  if (outline === undefined || outline.parts.every(([, kind]) => kind === Kind.Text)) Memory.decoded(bytes)
  return plain
}

/** Whether nothing in a value can go beside it. Most messages are such, and nothing is made to find out. */
export const isSmall = (value: unknown): boolean => {
  if (typeof value === "string") return value.length < leastText
  if (typeof value !== "object" || value === null) return true
  if (value instanceof Uint8Array) return false
  if (Array.isArray(value)) return value.every(isSmall)
  const fields = value as Record<string, unknown>
  for (const name in fields) if (!isSmall(fields[name])) return false
  return true
}

// ---------------------------------------------------------------------------------------------------------------------

const written = (plain: unknown): Uint8Array => {
  if (isSmall(plain)) return JsonText.write(plain)
  const parts: Array<Part> = []
  const rest = without(plain, parts)
  if (parts.length === 0) return JsonText.write(plain)
  const outline = JsonText.write([rest, parts.map(({ kind, length, path }) => [path, kind, length])])
  const start = headSize + outline.length
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, { length }) => sum + length, start))
  bytes.writeUInt8(0, 0)
  bytes.writeUInt32BE(outline.length, 1)
  bytes.set(outline, headSize)
  let at = start
  for (const { content, length } of parts) {
    if (typeof content === "string") bytes.write(content, at, "utf8")
    else bytes.set(content, at)
    at += length
  }
  return bytes
}

const headSize = 5

/** A shorter text costs less inside the JSON. */
const leastText = 4096

const Kind = { Text: 0, Bytes: 1 } as const

interface Part {
  /** From the value that was looked at last; it grows at its front on the way out. */
  readonly path: Array<string | number>
  readonly kind: typeof Kind[keyof typeof Kind]
  readonly content: string | Uint8Array
  /** In bytes. */
  readonly length: number
}

/** The value without what goes beside it; the same value where that is nothing, and then nothing is made. */
const without = (value: unknown, parts: Array<Part>): unknown => {
  if (typeof value === "string") return value.length < leastText ? value : withoutText(value, parts)
  if (typeof value !== "object" || value === null) return value
  if (value instanceof Uint8Array) {
    parts.push({ path: [], kind: Kind.Bytes, content: value, length: value.length })
    return null
  }
  if (Array.isArray(value)) return withoutElements(value, parts)
  return typeof (value as { toJSON?: unknown }).toJSON === "function"
    ? value
    : withoutProperties(value as Record<string, unknown>, parts)
}

const isShort = (value: unknown): boolean =>
  typeof value === "string" ? value.length < leastText : typeof value !== "object"

const withoutText = (text: string, parts: Array<Part>): string | null => {
  // Half of a surrogate pair has no UTF-8, but an escape in JSON.
  if (!text.isWellFormed()) return text
  parts.push({ path: [], kind: Kind.Text, content: text, length: Buffer.byteLength(text) })
  return null
}

const withoutElements = (list: ReadonlyArray<unknown>, parts: Array<Part>): ReadonlyArray<unknown> => {
  let copy: Array<unknown> | undefined
  for (let index = 0; index < list.length; index++) {
    const value = list[index]
    if (isShort(value)) continue
    const before = parts.length
    const rest = without(value, parts)
    if (rest === value) continue
    lead(parts, before, index)
    copy ??= [...list]
    copy[index] = rest
  }
  return copy ?? list
}

const withoutProperties = (fields: Record<string, unknown>, parts: Array<Part>): object => {
  let copy: Record<string, unknown> | undefined
  // Twice as fast as a list of the names, but it tells of inherited ones, too.
  for (const name in fields) {
    const value = fields[name]
    if (isShort(value) || !Object.hasOwn(fields, name)) continue
    const before = parts.length
    const rest = without(value, parts)
    if (rest === value) continue
    lead(parts, before, name)
    copy ??= { ...fields }
    // A plain assignment to `__proto__` would be another thing.
    Object.defineProperty(copy, name, { value: rest })
  }
  return copy ?? fields
}

/** The parts since then were found behind this key. */
const lead = (parts: ReadonlyArray<Part>, since: number, key: string | number): void => {
  for (let index = since; index < parts.length; index++) parts[index]!.path.unshift(key)
}

/** What a message is without its parts, and what is said of them. */
interface Outline {
  readonly rest: unknown
  readonly parts: ReadonlyArray<Entry>
  /** Where the parts start. */
  readonly start: number
}

type Entry = readonly [path: ReadonlyArray<unknown>, kind: Part["kind"], length: number]

const readOutline = (bytes: Uint8Array, maxDepth: number): Outline => {
  if (bytes.length < headSize) throw new Error("The message ends before its outline")
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const start = headSize + view.getUint32(1)
  if (start > bytes.length) throw new Error("The message ends before its outline does")
  // Two levels are those of the outline itself; the paths have their own bound in what they lead through.
  const outline: unknown = JSON.parse(JsonText.read(bytes.subarray(headSize, start), maxDepth + 2))
  if (!Array.isArray(outline) || outline.length !== 2 || !Array.isArray(outline[1])) throw new Error("No outline")
  const [rest, parts] = outline as [unknown, Array<unknown>]
  if (!parts.every(isEntry)) throw new Error("A part without its path, kind and length")
  return { rest, parts, start }
}

const isEntry = (part: unknown): part is Entry =>
  Array.isArray(part) && part.length === 3 && Array.isArray(part[0]) &&
  (part[1] === Kind.Text || part[1] === Kind.Bytes)
  && Number.isSafeInteger(part[2]) && part[2] >= 0

/** Puts the parts where they belong. Throws where one has no place, or where they are not all that follows. */
const withParts = ({ parts, rest, start }: Outline, bytes: Uint8Array): unknown => {
  const whole = { rest }
  let at = start
  for (const [path, kind, length] of parts) {
    if (length > bytes.length - at) throw new Error("The message ends before its parts do")
    // Never a `Buffer`, which is not the same to everybody, even where one was read.
    const content = new Uint8Array(bytes.buffer, bytes.byteOffset + at, length)
    at += length
    place(whole, path, kind === Kind.Text ? Utf8.read(content) : content)
  }
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes follow the parts`)
  return whole.rest
}

/** Only a `null` of the message's own is replaced: a path that a stranger wrote leads nowhere else. */
const place = (whole: { rest: unknown }, path: ReadonlyArray<unknown>, content: unknown): void => {
  let holder: Record<string, unknown> = whole
  let key = "rest"
  for (const step of path) {
    const next = holder[key]
    const name = String(step)
    if (typeof next !== "object" || next === null || !Object.hasOwn(next, name)) throw new Error("A part has no place")
    holder = next as Record<string, unknown>
    key = name
  }
  if (holder[key] !== null) throw new Error("The place of a part is taken")
  Object.defineProperty(holder, key, { value: content })
}
