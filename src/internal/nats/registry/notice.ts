/**
 * What instances say of themselves, and who asks: JSON on three subjects of a domain.
 *
 * ```
 * here   { instance, ttl }       it is there, and is to be believed so for so many milliseconds
 * gone   { service, id }         it has left
 * who    { } or { service, id }  whoever it is about says `here` to who asks
 * ```
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Instance } from "../../../Registry.ts"
import { own } from "../subject.ts"

const Here = Schema.Struct({
  instance: Instance,
  ttl: Schema.Number.check(Schema.isBetween({ minimum: 1, maximum: 86_400_000 }))
})
const Gone = Schema.Struct({ service: Schema.String, id: Schema.String })
const Who = Schema.Struct({ service: Schema.optionalKey(Schema.String), id: Schema.optionalKey(Schema.String) })

export type Here = typeof Here.Type
export type Gone = typeof Gone.Type
/** Everybody where nobody is named. */
export type Who = typeof Who.Type

/** A notice of one kind as text. */
export interface Kind<A> {
  readonly write: (notice: A) => string
  /** Undefined where a text is none. */
  readonly read: (text: string) => A | undefined
}

const kind = <A, I>(schema: Schema.Codec<A, I>): Kind<A> => {
  const json = Schema.fromJsonString(schema)
  const decode = Schema.decodeUnknownOption(json)
  return { write: Schema.encodeSync(json), read: (text) => Option.getOrUndefined(decode(text)) }
}

export const here: Kind<Here> = kind(Here)
export const gone: Kind<Gone> = kind(Gone)
export const who: Kind<Who> = kind(Who)

/** The subjects of a domain. */
export const subjects = (domain: string) => ({
  here: `${own}fleet.${domain}.here`,
  gone: `${own}fleet.${domain}.gone`,
  who: `${own}fleet.${domain}.who`
})
