/**
 * Text in the value of an HTTP/1.1 header.
 *
 * Header values are octets. Node shows each octet as one character, Go writes and reads UTF-8; a text beyond ASCII is
 * therefore spelled out as its UTF-8 octets on the way out, and put together again on the way in.
 */
import { isUtf8 } from "node:buffer"

/**
 * The characters to hand to Node for a text.
 *
 * **Gotchas**
 *
 * A control character cannot stand in a header, and a line break would be the start of another one. Each becomes a
 * space, as Go does it.
 */
export const encode = (text: string): string => {
  const line = control.test(text) ? text.replace(controls, " ") : text
  return beyondAscii.test(line) ? Buffer.from(line, "utf8").toString("latin1") : line
}

/** The text that a header's characters stand for; octets that are not UTF-8 are taken for Latin-1. */
export const decode = (characters: string): string => {
  if (!beyondAscii.test(characters)) return characters
  const octets = Buffer.from(characters, "latin1")
  return isUtf8(octets) ? octets.toString("utf8") : characters
}

/** JSON in ASCII, the form in which it passes through every proxy unharmed. */
export const json = (value: unknown): string =>
  JSON.stringify(value).replace(notPlain, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

// ---------------------------------------------------------------------------------------------------------------------

// oxlint-disable-next-line no-control-regex -- they are what is looked for
const control = /[\0-\x1f\x7f]/
const controls = new RegExp(control, "g")

const beyondAscii = /[\x80-\uffff]/

const notPlain = /[\x7f-\uffff]/g
