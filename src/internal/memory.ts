/**
 * Memory of large messages, given back as soon as nobody looks at it any more.
 *
 * It lies outside the engine's heap. To find it dead the engine goes through the whole heap, some 8 MiB of it make it do
 * so, and that takes longer than the messages did; so whoever knows says so.
 */

/** Smaller pieces share their memory with others, or are not worth it. */
const least = 16 * 1024

/** Frees the memory that bytes lie in, unless others lie there, too. Nobody may look at them again. */
export const free = ({ buffer, byteLength }: Uint8Array): void => {
  if (byteLength < least || byteLength < buffer.byteLength || !(buffer instanceof ArrayBuffer)) return
  buffer.transfer(0)
}
