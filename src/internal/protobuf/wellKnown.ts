/**
 * The message types for time that every implementation of protobuf knows, and for nothing at all.
 */
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import type { Reader, Writer } from "protobufjs/minimal.js"
import * as Wire from "./wire.ts"

/** Both directions of a well-known type: the content of its message, without tag and length. */
export interface WellKnown<in out A> {
  readonly write: (writer: Writer, value: A, depth: number) => void
  readonly read: (reader: Reader, depth: number) => A
}

/** Whole milliseconds; what is finer is dropped. The range is that of `Date`, which is wider than protobuf promises. */
export const timestamp: WellKnown<Date> = {
  write: (writer, date) => writeMillis(writer, date.getTime()),
  read: (reader) => new Date(readMillis(reader))
}

export const utcTimestamp: WellKnown<DateTime.Utc> = {
  write: (writer, utc) => writeMillis(writer, DateTime.toEpochMillis(utc)),
  read: (reader) => DateTime.makeUnsafe(readMillis(reader))
}

/** Nanoseconds. An infinite one is the longest that the message can hold, which other languages take for it too. */
export const duration: WellKnown<Duration.Duration> = {
  write: (writer, { value }) => {
    switch (value._tag) {
      case "Infinity":
        return Wire.writeBigInt64(writer.uint32(8), 2n ** 63n - 1n)
      case "NegativeInfinity":
        return Wire.writeBigInt64(writer.uint32(8), -(2n ** 63n))
      case "Millis": {
        const seconds = Math.trunc(value.millis / 1000)
        return writeParts(writer, seconds, Math.round((value.millis - seconds * 1000) * nanosAMilli))
      }
      case "Nanos": {
        const seconds = Number(value.nanos / nanosASecond)
        if (!Number.isSafeInteger(seconds)) throw Wire.expected("a duration that a message can hold", value.nanos)
        return writeParts(writer, seconds, Number(value.nanos % nanosASecond))
      }
    }
  },
  read: (reader) => {
    const { nanos, seconds } = readParts(reader)
    if (!Number.isSafeInteger(seconds)) return seconds > 0 ? Duration.infinity : Duration.negativeInfinity
    const millis = seconds * 1000 + nanos / nanosAMilli
    return Number.isSafeInteger(millis)
      ? Duration.millis(millis)
      : Duration.nanos(BigInt(seconds) * nanosASecond + BigInt(nanos))
  }
}

/** A message without fields: a value that is always the same. */
export const makeEmpty = <A extends undefined | null>(value: A): WellKnown<A> => ({
  write: () => {},
  read: (reader) => {
    while (reader.pos < reader.len) Wire.skip(reader, reader.tag(), [])
    return value
  }
})

// ---------------------------------------------------------------------------------------------------------------------

const nanosAMilli = 1_000_000

const nanosASecond = 1_000_000_000n

const maxMillis = 8.64e15

const partTypes = ["", "int64", "int32"]

/** Both messages are of this form. */
interface Parts {
  readonly seconds: number
  readonly nanos: number
}

const writeParts = (writer: Writer, seconds: number, nanos: number): void => {
  if (seconds !== 0) Wire.writeInt64(writer.uint32(8), seconds)
  if (nanos !== 0) writer.uint32(16).int32(nanos)
}

const readParts = (reader: Reader): Parts => {
  let seconds = 0
  let nanos = 0
  while (reader.pos < reader.len) {
    const tag = reader.tag()
    if (tag === 8) seconds = Wire.readRough64(reader)
    else if (tag === 16) nanos = reader.int32()
    else Wire.skip(reader, tag, partTypes)
  }
  return { seconds, nanos }
}

// The parts of a second count upwards, before 1970 as after it.
const writeMillis = (writer: Writer, millis: number): void => {
  if (Number.isNaN(millis)) throw Wire.expected("a valid date", "an invalid one")
  const seconds = Math.floor(millis / 1000)
  writeParts(writer, seconds, (millis - seconds * 1000) * nanosAMilli)
}

const readMillis = (reader: Reader): number => {
  const { nanos, seconds } = readParts(reader)
  const millis = seconds * 1000 + Math.floor(nanos / nanosAMilli)
  if (Math.abs(millis) > maxMillis) throw Wire.expected("a time that a date can hold", `${seconds} seconds`)
  return millis
}
