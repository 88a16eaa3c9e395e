/**
 * Memory of large messages, given back as soon as nobody looks at it any more.
 *
 * It lies outside the engine's heap. To find it dead the engine goes through the whole heap, some 8 MiB of it make it do
 * so, and that takes longer than the messages did; so whoever knows says so. Who keeps a message may not know who else has
 * it: so it is freed only where the one who hands it over has said that nobody has, and by the last one to look at it.
 */

/** A message that is longer lies in memory of its own: it is more than a socket reads at a time. */
export const alone = 64 * 1024

/** Frees the memory that bytes lie in, unless others lie there, too. Nobody may look at them again. */
export const free = ({ buffer, byteLength }: Uint8Array): void => {
  if (byteLength >= least && byteLength === buffer.byteLength) release(buffer)
}

/** Says of a message that was read that nobody has it but who decodes it. */
export const give = (message: Uint8Array): void => {
  if (message.length > alone) states.set(message, "given")
}

/** Frees a message that was decoded, and of which the value has nothing, where it was given. */
export const decoded = (message: Uint8Array): void => {
  if (message.length > alone && states.get(message) === "given") release(message.buffer)
}

/** Says of a message that its memory was made for it. */
export const made = (message: Uint8Array): Uint8Array => {
  if (message.length > alone) states.set(message, "made")
  return message
}

/** Says of a message that nobody has it but who sends it, once: where its memory was made for it, it has an end then. */
export const spend = (message: Uint8Array): void => {
  if (message.length > alone && states.get(message) === "made") states.set(message, "spent")
}

/** Whether a message is not to be sent again. */
export const isSpent = (message: Uint8Array): boolean =>
  (message.length > alone || message.length === 0) && states.get(message) === "spent"

/** What a socket tells when it has taken a message, to free it. Before, the kernel may yet look at it. */
export const sent = (message: Uint8Array): Sent | undefined =>
  message.length > alone && states.get(message) === "spent"
    ? (error) => {
      if (error === undefined || error === null) release(message.buffer)
    }
    : undefined

export type Sent = (error: Error | null | undefined) => void

// ---------------------------------------------------------------------------------------------------------------------

/** Smaller pieces are not worth it. */
const least = 16 * 1024

const states = new WeakMap<Uint8Array, "given" | "made" | "spent">()

/** A buffer that is transferred has no bytes left, whoever still has it. */
const release = (buffer: ArrayBufferLike): void => {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0)
}
