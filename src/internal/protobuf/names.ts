/**
 * Names as `.proto` files write them, out of names as TypeScript does.
 */

/** `unit_price` of `unitPrice`, and a name that protobuf takes of any other. */
export const snake = (name: string): string => {
  const words = wordsOf(name).map((word) => word.toLowerCase()).join("_")
  return /^[a-z]/.test(words) ? words : `field_${words}`.replace(/_$/, "")
}

/** `UnitPrice` of `unitPrice`. */
export const pascal = (name: string): string => {
  const words = wordsOf(name).map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join("")
  return /^[A-Z]/.test(words) ? words : `Message${words}`
}

/** `UNIT_PRICE` of `unitPrice`. */
export const upperSnake = (name: string): string => wordsOf(name).map((word) => word.toUpperCase()).join("_")

/** Names that no two things share. The first keeps its own, the next is numbered. */
export const makeNames = (): (name: string) => string => {
  const taken = new Set<string>()
  return (name) => {
    let free = name
    for (let count = 2; taken.has(same(free)); count++) free = `${name}_${count}`
    taken.add(same(free))
    return free
  }
}

/** Two names are the same where JSON's camel case of them is. */
export const same = (name: string): string => name.replaceAll("_", "").toLowerCase()

// ---------------------------------------------------------------------------------------------------------------------

const wordsOf = (name: string): ReadonlyArray<string> =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1_$2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1_$2")
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "")
