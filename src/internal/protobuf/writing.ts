/**
 * Source text that writes a message: one function a message, with everything known about its schema written out.
 */
import { type Field, isNested, isPacked, type Kind, type Message, type Test, wireType } from "./model.ts"
import { restKey } from "./numbering.ts"
import { knownName, literal, longName, type Scope, tagOf } from "./source.ts"

/** The function `w<n>(w, v, d)`: writes value `v` of message `n` with `w`, and `d` levels of nesting left. */
export const writing = (scope: Scope, message: Message): string => {
  const index = scope.indexOf(message)
  // The places of a path, by the number of the step that failed. A box and a choice are no place of their own.
  const keys = message.shape === "box" || message.shape === "choice"
    ? []
    : message.fields.map(({ key }) => key === restKey ? undefined : key)
  scope.bound.set(`writeKeys${index}`, keys)
  return `function w${index}(w, v, d) {
  if (d < 0) throw tooDeep()
  let at = 0, i
  try {
${message.shape === "choice" ? choice(scope, message) : message.fields.map(step(scope, message)).join("\n")}
  } catch (error) {
    throw within(error, writeKeys${index}[at], i)
  }
}`
}

// ---------------------------------------------------------------------------------------------------------------------

const step = (scope: Scope, message: Message) => (field: Field, at: number): string =>
  `at = ${at}; { ${field === message.rest ? rest(scope, message, field) : body(scope, field, access(message, field))} }`

const access = ({ shape }: Message, { key }: Field): string => shape === "box" ? "v" : `v[${literal(key)}]`

const body = (scope: Scope, field: Field, value: string): string => {
  const { kind, label, number } = field
  const start = `const x = ${value}; `
  switch (label) {
    case "plain":
      return `${start}${isNested(kind) ? "" : `if (${said(scope, kind)}) `}{ ${one(scope, number, kind)} }`
    case "optional":
      return `${start}if (x !== ${field.absent === "null" ? "null" : "undefined"}) { ${one(scope, number, kind)} }`
    case "repeated":
      return `${start}${list(scope, field, "0")}`
    case "map":
      return `${start}for (const k of Object.keys(x)) { i = k; ${entry(scope, field, "x[k]")} } i = undefined`
  }
}

/** The properties that no field names, or the elements after the last one. */
const rest = (scope: Scope, message: Message, field: Field): string => {
  if (field.label === "repeated") {
    return `const x = v; ${list(scope, field, String(message.fields.length - 1 + message.constants.length))}`
  }
  const declared = `declared${scope.indexOf(message)}`
  scope.bound.set(declared, new Set([...message.fields, ...message.constants].map(({ key }) => key)))
  return `for (const k of Object.keys(v)) if (!${declared}.has(k)) { i = k; ${
    entry(scope, field, "v[k]")
  } } i = undefined`
}

const entry = (scope: Scope, { kind, number }: Field, value: string): string =>
  `w.uint32(${tagOf(number, 2)}).fork(); writeString(w.uint32(10), k); ${one(scope, 2, kind, value)}; w.ldelim()`

const bulk: Readonly<Record<string, string>> = { double: "doubles", float: "floats", bool: "bools" }

const list = (scope: Scope, field: Field, from: string): string => {
  const { kind, number } = field
  if (!isPacked(field)) {
    return `for (let j = ${from}; j < x.length; j++) { i = j; ${one(scope, number, kind, "x[j]")} } i = undefined`
  }
  const packed = `w.uint32(${tagOf(number, 2)})`
  const all = kind._tag === "Scalar" && from === "0" ? bulk[kind.scalar] : undefined
  if (all !== undefined) return `if (x.length > 0) ${packed}.${all}(x)`
  const each = `for (let j = ${from}; j < x.length; j++) { i = j; ${content(scope, kind, "x[j]")} } i = undefined`
  return `if (x.length > ${from}) { ${packed}.fork(); ${each}; w.ldelim() }`
}

/** A field with one value. */
const one = (scope: Scope, number: number, kind: Kind, value = "x"): string =>
  `w.uint32(${tagOf(number, wireType(kind))}); ${content(scope, kind, value)}`

/** A value without its tag. */
const content = (scope: Scope, kind: Kind, x: string): string => {
  switch (kind._tag) {
    case "Message":
      return `w.fork(); w${scope.indexOf(kind.message)}(w, ${x}, d - 1); w.ldelim()`
    case "Known":
      return `w.fork(); ${knownName(kind)}.write(w, ${x}, d - 1); w.ldelim()`
    case "Enum":
      return `w.int32(${scope.enumeration(kind.enumeration).numbers}.get(${x}))`
    case "Scalar":
      switch (kind.scalar) {
        case "string":
          return `writeString(w, ${x})`
        case "bytes":
        case "bool":
        case "double":
        case "float":
          return `w.${kind.scalar}(${x})`
        case "int32":
        case "sint32":
        case "sfixed32":
          return `w.${kind.scalar}(toInt32(${x}))`
        case "uint32":
        case "fixed32":
          return `w.${kind.scalar}(toUint32(${x}))`
        default:
          return `write${longName(kind)}(w, ${x})`
      }
  }
}

/** Whether a value `x` is other than the one that readers take for a field that is not there. */
const said = (scope: Scope, kind: Kind): string => {
  if (kind._tag === "Enum") return `${scope.enumeration(kind.enumeration).numbers}.get(x) !== 0`
  if (kind._tag !== "Scalar") return "true"
  switch (kind.scalar) {
    case "string":
    case "bytes":
      return "x.length > 0"
    case "bool":
      return "x"
    case "double":
    case "float":
      return "!Object.is(x, 0)"
    default:
      return kind.big ? "x !== 0n" : "x !== 0"
  }
}

const choice = (scope: Scope, message: Message): string => {
  const { fields } = message
  // What takes all that is left comes last, wherever it stands in the schema.
  const inTurn = [
    ...fields.filter(({ test }) => test !== undefined),
    ...fields.filter(({ test }) => test === undefined)
  ]
  const arms = inTurn.map(({ kind, number, test }) => {
    const arm = `{ ${one(scope, number, kind, "v")}; return }`
    return test === undefined ? arm : `if (${condition(scope, message, test, number)}) ${arm}`
  })
  return `${arms.join("\n")}\nthrow expected(${literal(message.fields.map(({ key }) => key).join(" | "))}, typeof v)`
}

const condition = (scope: Scope, message: Message, test: Test, number: number): string => {
  switch (test._tag) {
    case "TypeOf":
      return `typeof v === ${literal(test.type)}`
    case "Sentinel":
      return `v?.[${literal(test.key)}] === ${literal(test.literal)}`
    case "Guard": {
      const name = `is${scope.indexOf(message)}_${number}`
      scope.bound.set(name, test.is)
      return `${name}(v)`
    }
  }
}
