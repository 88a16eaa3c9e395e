import * as ProtobufCodec from "../src/Layers/ProtobufCodec.ts"
import { codecSuite } from "./suites/codec.ts"

/** UTF-8 has no form for half a surrogate pair, and no number of protobuf has more than 64 bits. */
const refuses = (value: unknown): boolean => {
  switch (typeof value) {
    case "string":
      return !value.isWellFormed()
    case "bigint":
      return BigInt.asIntN(64, value) !== value
    case "object":
      return value !== null && !(value instanceof Uint8Array) && Object.entries(value).flat().some(refuses)
    default:
      return false
  }
}

codecSuite("ProtobufCodec", ProtobufCodec.format(), { refuses, dropsUndefined: true })
