/**
 * The source files of a tree as the rules see them: what each imports, and what it says that no source may say.
 *
 * The compiler's own parser reads them, so an import in a comment or a string is not one, and a type's
 * `import("./Codec.ts")` is.
 */
import * as path from "node:path"
import {
  isEnumDeclaration,
  isExportAssignment,
  isExportDeclaration,
  isExportSpecifier,
  isFunctionLikeDeclaration,
  isIdentifier,
  isImportDeclaration,
  isNamedImports,
  isPropertyAccessExpression,
  type Node,
  type SourceFile,
  SyntaxKind
} from "typescript/unstable/ast"
import { API } from "typescript/unstable/sync"

/** One import, of any form: a statement, a re-export, a call, or a type. */
export interface Import {
  readonly specifier: string
  readonly line: number
  readonly typeOnly: boolean
  /** The names taken, where it says them; undefined for a namespace, a call, or a re-export of all. */
  readonly names: ReadonlyArray<string> | undefined
}

/** Something that is written in a file, and where. */
export interface Remark {
  readonly line: number
  readonly text: string
}

/** One source file. */
export interface Source {
  /** From the root of the tree, with forward slashes: `src/Layers/JsonCodec.ts`. */
  readonly file: string
  readonly lines: number
  readonly imports: ReadonlyArray<Import>
  /** Words that the conventions rule out. */
  readonly forbidden: ReadonlyArray<Remark>
  /** The body of each function that is longer than a screen. */
  readonly long: ReadonlyArray<Remark>
}

/** Reads the files under `src` of the project whose `tsconfig.json` lies in `root`. */
export const read = (root: string): ReadonlyArray<Source> => {
  const api = new API({ cwd: root })
  try {
    const config = path.join(root, "tsconfig.json")
    const project = api.updateSnapshot({ openProjects: [config] }).getProject(config)
    if (project === undefined) throw new Error(`${config} is not a project`)
    const from = (file: string) => path.relative(root, file).split(path.sep).join("/")
    return project.rootFiles.filter((file) => from(file).startsWith("src/")).toSorted().map((file) => {
      const source = project.program.getSourceFile(file)
      if (source === undefined) throw new Error(`${file} cannot be read`)
      return sourceOf(from(file), source)
    })
  } finally {
    api.close()
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const functionLimit = 40

const sourceOf = (file: string, source: SourceFile): Source => {
  const forbidden: Array<Remark> = []
  const long: Array<Remark> = []
  const lineOf = (position: number) => source.getLineAndCharacterOfPosition(position).line + 1
  /** Returns how many lines belong to functions already found to be long: they do not make the one around them long. */
  const visit = (node: Node): number => {
    const said = ruledOut(node)
    if (said !== undefined) forbidden.push({ line: lineOf(node.getStart(source)), text: said })
    let inner = 0
    node.forEachChild((child) => {
      inner += visit(child)
    })
    const first = lineOf(node.getStart(source))
    const length = lineOf(node.getEnd()) - first + 1
    if (!isFunctionLikeDeclaration(node) || length - inner <= functionLimit) return inner
    long.push({ line: first, text: `a function of ${length} lines` })
    return length
  }
  visit(source)
  return {
    file,
    lines: source.text.trimEnd().split("\n").length,
    imports: source.imports.map((specifier) => importOf(source, specifier, lineOf(specifier.getStart(source)))),
    forbidden,
    long
  }
}

const importOf = (source: SourceFile, specifier: Node, line: number): Import => {
  const text = specifier.getText(source).slice(1, -1)
  const statement = specifier.parent
  if (isImportDeclaration(statement)) {
    const clause = statement.importClause
    const bindings = clause?.namedBindings
    const specifiers = bindings !== undefined && isNamedImports(bindings) ? [...bindings.elements] : undefined
    const names = specifiers?.map((element) => (element.propertyName ?? element.name).getText(source))
    const typeOnly = clause?.phaseModifier === SyntaxKind.TypeKeyword ||
      specifiers?.every((element) => element.isTypeOnly) === true
    return { specifier: text, line, typeOnly, names }
  }
  const typeOnly = isExportDeclaration(statement) ? statement.isTypeOnly : statement.kind === SyntaxKind.LiteralType
  return { specifier: text, line, typeOnly, names: undefined }
}

const clocks = new Map([["Date.now", "Clock"], ["Math.random", "Random"]])

/** What of this node a source may not say, and what to say instead. */
const ruledOut = (node: Node): string | undefined => {
  if (node.kind === SyntaxKind.AsyncKeyword) return "`async`: an Effect waits"
  if (isEnumDeclaration(node)) return "`enum`: a union of literals is erasable"
  if (isDefaultExport(node)) return "a default export: name it"
  if (!isPropertyAccessExpression(node) || !isIdentifier(node.expression)) return undefined
  const { text } = node.expression
  if (text === "console") return "`console`: Effect.log reaches whoever listens"
  const service = clocks.get(`${text}.${node.name.text}`)
  return service === undefined ? undefined : `\`${text}.${node.name.text}\`: the \`${service}\` service can be tested`
}

const isDefaultExport = (node: Node): boolean =>
  isExportAssignment(node) || node.kind === SyntaxKind.DefaultKeyword ||
  isExportSpecifier(node) && node.name.text === "default"
