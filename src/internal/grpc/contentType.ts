/**
 * Content types as gRPC writes them: `application/grpc+json` for messages of `application/json`.
 */

/** Says which content type is meant, where gRPC has no form for it. */
export const exactHeader = "effect-micro-content-type"

/** gRPC's form of a content type. Of one outside of `application/` only the last part is left. */
export const format = (contentType: string): string =>
  contentType === protobuf
    ? "application/grpc+proto"
    : `application/grpc+${contentType.slice(contentType.indexOf("/") + 1)}`

/** The content type that a form of gRPC stands for; undefined where it is no form of gRPC. */
export const parse = (form: string): string | undefined => {
  const plain = plainForms.get(form)
  if (plain !== undefined) return plain
  const [, subtype = "proto"] = /^application\/grpc(?:\+([^;\s]+))?\s*(?:;.*)?$/i.exec(form) ?? []
  if (!/^application\/grpc(\+|;|\s|$)/i.test(form)) return undefined
  return subtype.toLowerCase() === "proto" ? protobuf : `application/${subtype.toLowerCase()}`
}

/** Whether a content type survives the way through its form. */
export const isPlain = (contentType: string): boolean => parse(format(contentType)) === contentType

// ---------------------------------------------------------------------------------------------------------------------

const protobuf = "application/protobuf"

/** What nearly every call has, without a look at its letters. */
const plainForms: ReadonlyMap<string, string> = new Map([
  ["application/grpc", protobuf],
  ["application/grpc+proto", protobuf],
  ["application/grpc+json", "application/json"]
])
