/**
 * `grpc-message`: a text for people, as the percent-encoded bytes of its UTF-8.
 */

/** Bytes of a text that travel at most; each may take three characters. */
export const limit = 2048

/** The header's value for a text. What is over the limit is left out. */
export const encode = (text: string): string => {
  let encoded = ""
  for (const byte of Buffer.from(shortened(text), "utf8")) {
    encoded += byte >= 0x20 && byte <= 0x7e && byte !== percent
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`
  }
  return encoded
}

/** The text of a header. What is no percent-encoding stands for itself. */
export const decode = (value: string): string => {
  if (!value.includes("%")) return value
  const bytes: Array<number> = []
  for (let index = 0; index < value.length; index++) {
    const hex = value.slice(index + 1, index + 3)
    if (value.charCodeAt(index) === percent && /^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16))
      index += 2
    } else bytes.push(value.charCodeAt(index))
  }
  return Buffer.from(bytes).toString("utf8")
}

// ---------------------------------------------------------------------------------------------------------------------

const percent = "%".charCodeAt(0)

/** Cut between two characters, never within one. */
const shortened = (text: string): string => {
  const bytes = Buffer.from(text, "utf8")
  if (bytes.length <= limit) return text
  let end = limit
  while ((bytes[end] & 0xc0) === 0x80) end--
  return bytes.toString("utf8", 0, end)
}
