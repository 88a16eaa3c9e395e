/**
 * Source text that reads a message: one function a message, with everything known about its schema written out.
 */
import { type Field, isNested, isPacked, type Kind, type Message, typeName, wireType } from "./model.ts"
import { restKey } from "./numbering.ts"
import { knownName, literal, longName, property, type Scope, tagOf } from "./source.ts"

/** The function `r<n>(r, d)`: reads message `n` to where `r` ends, with `d` levels of nesting left. */
export const reading = (scope: Scope, message: Message): string => {
  const index = scope.indexOf(message)
  const { fields } = message
  scope.bound.set(`types${index}`, byNumber(fields, ({ kind }) => typeName(kind)))
  scope.bound.set(`readKeys${index}`, byNumber(fields, (field) => keyOf(message, field)))
  const choice = message.shape === "choice"
  return `function r${index}(r, d) {
  if (d < 0) throw tooDeep()
  let tag = 0, k = ""
  ${choice ? "let v, said = false" : fields.map((field) => declaration(scope, field)).join("; ")}
  try {
    while (r.pos < r.len) {
      tag = r.buf[r.pos]
      if (tag < 128) r.pos++
      else {
        tag = 0
        tag = r.tag()
      }
      switch (tag >>> 3) {
${fields.map((field) => choice ? member(scope, field) : branch(scope, field)).join("\n")}
      }
      skip(r, tag, types${index})
    }
  } catch (error) {
    let i
    ${choice ? "" : fields.map(place).join(" ")}
    throw within(error, readKeys${index}[tag >>> 3], i)
  }
  ${choice ? "" : fields.map((field) => presence(scope, message, field)).join(" ")}
  ${assembly(scope, message)}
}`
}

// ---------------------------------------------------------------------------------------------------------------------

const byNumber = <A>(fields: ReadonlyArray<Field>, f: (field: Field) => A): Readonly<Record<number, A>> =>
  Object.fromEntries(fields.map((field) => [field.number, f(field)]))

const keyOf = ({ shape }: Message, { key }: Field): string | number | undefined =>
  shape === "box" || shape === "choice" || key === restKey ? undefined : key

const local = ({ number }: Field): string => `f${number}`

/** Whether a variable says that the field was there: for messages, since any value may be one of theirs. */
const isSeen = ({ kind, label }: Field): boolean => isNested(kind) && (label === "plain" || label === "optional")

const declaration = (scope: Scope, field: Field): string => {
  const name = local(field)
  switch (field.label) {
    case "repeated":
      return `const ${name} = []`
    case "map":
      return `const ${name} = {}`
    case "optional":
      return isSeen(field) ? `let ${name}, seen${field.number} = false` : `let ${name}`
    case "plain":
      return isSeen(field) ? `let ${name}, seen${field.number} = false` : `let ${name} = ${zero(scope, field.kind)}`
  }
}

/** What is read where nothing was written. An enum whose zero means nothing has none. */
const zero = (scope: Scope, kind: Kind): string => {
  if (kind._tag === "Enum") return `${scope.enumeration(kind.enumeration).literals}.get(0)`
  if (kind._tag !== "Scalar") return "undefined"
  switch (kind.scalar) {
    case "string":
      return `""`
    case "bytes":
      return "noBytes"
    case "bool":
      return "false"
    default:
      return kind.big ? "0n" : "0"
  }
}

const branch = (scope: Scope, field: Field): string => {
  const { kind, label, number } = field
  const name = local(field)
  const single = tagOf(number, wireType(kind))
  switch (label) {
    case "map":
      return `case ${number}: if (tag !== ${tagOf(number, 2)}) break; ${entry(scope, field)}; continue`
    case "repeated": {
      const one = `if (tag === ${single}) { ${value(scope, kind, (x) => `${name}.push(${x})`)}; continue }`
      if (!isPacked(field)) return `case ${number}: ${one} break`
      const many = `const outer = enter(r); while (r.pos < r.len) ${value(scope, kind, (x) => `${name}.push(${x})`)}`
      return `case ${number}: if (tag === ${tagOf(number, 2)}) { ${many}; r.len = outer; continue } ${one} break`
    }
    default: {
      const first = isSeen(field) ? `if (seen${number}) throw twice(); seen${number} = true; ` : ""
      return `case ${number}: if (tag !== ${single}) break; ${first}${
        value(scope, kind, (x) => `${name} = ${x}`)
      }; continue`
    }
  }
}

/** The last member of a choice is the one that counts. */
const member = (scope: Scope, { kind, number }: Field): string =>
  `case ${number}: if (tag !== ${tagOf(number, wireType(kind))}) break; said = true; ${
    value(scope, kind, (x) => `v = ${x}`)
  }; continue`

const entry = (scope: Scope, field: Field): string => {
  const { kind } = field
  const absent = isNested(kind) ? `if (!has) x = ${content(scope, kind)}; ` : ""
  return `{ const outer = enter(r); k = ""; let x = ${zero(scope, kind)}, has = false
        while (r.pos < r.len) {
          const t = r.tag()
          if (t === 10) k = readString(r)
          else if (t === ${tagOf(2, wireType(kind))}) { ${value(scope, kind, (read) => `x = ${read}`)}; has = true }
          else skip(r, t, entryTypes)
        }
        ${absent}r.len = outer; put(${local(field)}, k, x) }`
}

/** Reads a value, a message within its own bounds. */
const value = (scope: Scope, kind: Kind, use: (read: string) => string): string =>
  isNested(kind)
    ? `{ const outer = enter(r); ${use(content(scope, kind))}; r.len = outer }`
    : use(content(scope, kind))

const content = (scope: Scope, kind: Kind): string => {
  switch (kind._tag) {
    case "Message":
      return `r${scope.indexOf(kind.message)}(r, d - 1)`
    case "Known":
      return `${knownName(kind)}.read(r, d - 1)`
    case "Enum": {
      const { expected, literals } = scope.enumeration(kind.enumeration)
      return `readEnum(r, ${literals}, ${expected})`
    }
    case "Scalar":
      switch (kind.scalar) {
        case "string":
          return "readString(r)"
        case "bytes":
          return "readBytes(r)"
        case "bool":
        case "double":
        case "float":
        case "int32":
        case "sint32":
        case "sfixed32":
        case "uint32":
        case "fixed32":
          return `r.${kind.scalar}()`
        default:
          return `read${longName(kind)}(r)`
      }
  }
}

/** Where in a list or a map reading failed. */
const place = (field: Field): string =>
  field.label === "repeated"
    ? `if (tag >>> 3 === ${field.number}) i = ${local(field)}.length;`
    : field.label === "map"
    ? `if (tag >>> 3 === ${field.number}) i = k;`
    : ""

/** Refuses a message without a field that has no default. */
const presence = (scope: Scope, message: Message, field: Field): string => {
  const { kind, label, number } = field
  if (label !== "plain" || kind._tag === "Scalar") return ""
  const missing = kind._tag === "Enum" ? `${local(field)} === undefined` : `!seen${number}`
  const what = kind._tag === "Enum" ? scope.enumeration(kind.enumeration).expected : literal(typeName(kind))
  return `if (${missing}) throw within(expected(${what}, "nothing"), ${literal(keyOf(message, field))});`
}

const assembly = (scope: Scope, message: Message): string => {
  switch (message.shape) {
    case "choice":
      return `if (!said) throw expected(${
        literal(message.fields.map(({ key }) => key).join(" | "))
      }, "nothing"); return v`
    case "box":
      return `return ${present(message.fields[0])}`
    case "struct":
      return struct(scope, message)
    case "tuple":
      return tuple(message)
  }
}

/** The value of a field, or what stands for it where it is not there. */
const present = (field: Field): string => {
  const name = local(field)
  if (field.label !== "optional" || field.absent !== "null") return name
  return `${isSeen(field) ? `seen${field.number}` : `${name} !== undefined`} ? ${name} : null`
}

const isMissing = ({ absent, label }: Field): boolean => label === "optional" && absent === "missing"

const wasThere = (field: Field): string => isSeen(field) ? `seen${field.number}` : `${local(field)} !== undefined`

const struct = (scope: Scope, message: Message): string => {
  const { constants, rest } = message
  const fields = message.fields.filter((field) => field !== rest)
  const certain = [
    ...constants.map(({ key, literal: value }) => `${property(key)}: ${literal(value)}`),
    ...fields.filter((field) => !isMissing(field)).map((field) => `${property(field.key)}: ${present(field)}`)
  ]
  const others = fields.filter(isMissing).map((field) =>
    field.key === "__proto__"
      ? `if (${wasThere(field)}) put(v, "__proto__", ${local(field)});`
      : `if (${wasThere(field)}) v[${literal(field.key)}] = ${local(field)};`
  )
  const left = rest === undefined
    ? ""
    : `for (const k of Object.keys(${local(rest)})) if (!declared${scope.indexOf(message)}.has(k)) put(v, k, ${
      local(rest)
    }[k]);`
  return `const v = { ${certain.join(", ")} }; ${others.join(" ")} ${left} return v`
}

const tuple = ({ constants, fields, rest }: Message): string => {
  const named = fields.filter((field) => field !== rest)
  const places = [
    ...constants.map(({ key, literal: value }) => ({ key: Number(key), push: `v.push(${literal(value)});` })),
    ...named.map((field) => ({
      key: Number(field.key),
      push: `${isMissing(field) ? `if (${wasThere(field)}) ` : ""}v.push(${present(field)});`
    }))
  ].toSorted((a, b) => a.key - b.key)
  const left = rest === undefined ? "" : `for (const x of ${local(rest)}) v.push(x);`
  return `const v = []; ${places.map(({ push }) => push).join(" ")} ${left} return v`
}
