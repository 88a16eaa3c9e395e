/**
 * `.proto` files, out of contracts.
 */
import type { Root } from "./mapping.ts"
import { type Enumeration, type Field, known, type Message, reachable, typeName } from "./model.ts"
import { choiceName } from "./numbering.ts"
import type { Method, Outline, Service, Side } from "./outline.ts"

/** The text of a `.proto` file, as `protoc` reads it. */
export const print = (outline: Outline): string => {
  const { enumerations, imports, messages } = contentsOf(outline)
  return [
    `syntax = "proto3";`,
    `package ${outline.package};`,
    ...imports.length === 0 ? [] : [imports.map((file) => `import "${file}";`).join("\n")],
    ...outline.services.map(printService),
    // What was bound to the same type twice is the same text.
    ...new Set([...messages.map(printMessage), ...enumerations.map(printEnumeration)])
  ].join("\n\n") + "\n"
}

/** What a file has beside its services: types of its own, and the files that have the others. */
export interface Contents {
  readonly messages: ReadonlyArray<Message>
  readonly enumerations: ReadonlyArray<Enumeration>
  readonly imports: ReadonlyArray<string>
}

/** All that the services of an outline take. */
export const contentsOf = (outline: Outline): Contents => {
  const roots = outline.services.flatMap(({ methods }) =>
    methods.flatMap((
      { error, payload, success }
    ) => [payload.root, success.root, ...error === undefined ? [] : [error]])
  )
  const reached = [...new Set(roots.flatMap((root) => root._tag === "Message" ? reachable(root.message) : []))]
  const messages = reached.filter(({ file }) => file === undefined)
  return { messages, enumerations: enumerationsOf(messages), imports: importsOf(roots, reached) }
}

// ---------------------------------------------------------------------------------------------------------------------

const importsOf = (roots: ReadonlyArray<Root>, messages: ReadonlyArray<Message>): ReadonlyArray<string> => {
  const kinds = [...roots, ...messages.flatMap(({ fields }) => fields.map(({ kind }) => kind))]
  const files = [
    ...kinds.flatMap((kind) => kind._tag === "Known" ? [known[kind.known].file] : []),
    ...messages.flatMap(({ file }) => file === undefined ? [] : [file])
  ]
  return [...new Set(files)].toSorted()
}

const enumerationsOf = (messages: ReadonlyArray<Message>): ReadonlyArray<Enumeration> => [
  ...new Set(
    messages.flatMap(({ fields }) => fields.flatMap(({ kind }) => kind._tag === "Enum" ? [kind.enumeration] : []))
  )
]

const block = (head: string, lines: ReadonlyArray<string>): string =>
  lines.length === 0 ? `${head} {}` : `${head} {\n${lines.map((line) => `  ${line}`).join("\n")}\n}`

const printService = ({ methods, name }: Service): string => block(`service ${name}`, methods.flatMap(printMethod))

const printMethod = ({ error, name, payload, success }: Method): ReadonlyArray<string> => [
  ...error === undefined ? [] : [`// Fails with ${typeName(error)}.`],
  `rpc ${name}(${printSide(payload)}) returns (${printSide(success)});`
]

const printSide = ({ root, streamed }: Side): string => `${streamed ? "stream " : ""}${typeName(root)}`

const printMessage = ({ fields, name, shape }: Message): string => {
  const lines = fields.toSorted((a, b) => a.number - b.number).map(printField)
  return block(`message ${name}`, shape === "choice" ? block(`oneof ${choiceName}`, lines).split("\n") : lines)
}

const printField = ({ kind, label, name, number }: Field): string => {
  const type = typeName(kind)
  const labelled = {
    plain: type,
    optional: `optional ${type}`,
    repeated: `repeated ${type}`,
    map: `map<string, ${type}>`
  }
  return `${labelled[label]} ${name} = ${number};`
}

const printEnumeration = ({ name, values }: Enumeration): string =>
  block(`enum ${name}`, values.map(({ name, number }) => `${name} = ${number};`))
