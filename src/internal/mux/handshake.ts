/**
 * From HTTP/1.1 to frames: the upgrade, at both ends.
 *
 * ```
 * GET / HTTP/1.1                              HTTP/1.1 101 Switching Protocols
 * Host: 10.0.0.7:4000                         Connection: Upgrade
 * Connection: Upgrade                         Upgrade: effect-micro/1
 * Upgrade: effect-micro/1
 * ```
 *
 * It is so little HTTP that a fleet which speaks frames alone need not load a library for the rest.
 */
import { protocol } from "./frames.ts"

/** What a client sends. */
export const request = (host: string): string =>
  `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`

/** What a server answers. */
export const accepted = `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`

/** Most bytes of the head of a request or an answer. */
const maxHead = 8 * 1024

/** What the first bytes of a connection are: an upgrade that ends at an offset, something else, or too few to tell. */
export type Reading = number | "other" | "more"

const start = Buffer.from("GET / HTTP/1.1\r\n")
const status = Buffer.from("HTTP/1.1 ")

/** Whether bytes begin like others, as far as there are any. */
const looksLike = (bytes: Buffer, others: Buffer): boolean => {
  const length = Math.min(bytes.length, others.length)
  return bytes.compare(others, 0, length, 0, length) === 0
}

/** What a client's first bytes ask for. */
export const readRequest = (bytes: Buffer): Reading => {
  if (!looksLike(bytes, start)) return "other"
  const end = endOfHead(bytes)
  if (typeof end !== "number") return end
  return namesProtocol(bytes.toString("latin1", 0, end)) ? end : "other"
}

/** What a server answers with: an upgrade, or the first line of something else. */
export const readAnswer = (bytes: Buffer): number | "more" | { readonly line: string } => {
  const end = looksLike(bytes, status) ? endOfHead(bytes) : "other"
  if (end === "more") return end
  const head = bytes.toString("latin1", 0, typeof end === "number" ? end : 80)
  return typeof end === "number" && head.startsWith("HTTP/1.1 101 ") && namesProtocol(head)
    ? end
    : { line: head.slice(0, head.search(/[\r\n]|$/)).replace(/[^\x20-\x7e]/g, "?") }
}

const endOfHead = (bytes: Buffer): Reading => {
  const end = bytes.indexOf("\r\n\r\n")
  if (end !== -1) return end + 4
  return bytes.length < maxHead ? "more" : "other"
}

const namesProtocol = (head: string): boolean =>
  head.toLowerCase().split("\r\n").some((line) => /^upgrade:[ \t]*(\S+)[ \t]*$/.exec(line)?.[1] === protocol)
