/**
 * A contract as protobuf sees it: services, their methods, and the messages that go in and come out.
 */
import * as SchemaAST from "effect/SchemaAST"
import type { Wire } from "../../Codec.ts"
import * as Contract from "../../Contract.ts"
import { type File, makeFile, type Root, toRoot } from "./mapping.ts"
import { pascal } from "./names.ts"

export interface Outline {
  /** The contract's key, as a package can be called. */
  readonly package: string
  readonly services: ReadonlyArray<Service>
}

export interface Service {
  readonly name: string
  readonly methods: ReadonlyArray<Method>
}

export interface Method {
  readonly name: string
  readonly payload: Side
  readonly success: Side
  /** Missing where a method fails with nothing of its own. */
  readonly error: Root | undefined
}

export interface Side {
  readonly root: Root
  readonly streamed: boolean
}

/** The outline of a contract. Throws `Unmappable`. */
export const ofContract = (contract: Contract.Definition<Contract.Methods>): Outline => {
  const methods = Object.entries(contract.methods).map(([name, erased]) => {
    const definition = erased as Contract.Method<Contract.Side, Contract.Side, Wire>
    const endpoint = Contract.endpoint(contract.key, name, definition)
    const dot = endpoint.lastIndexOf(".")
    return {
      service: identifier(endpoint.slice(0, Math.max(dot, 0))),
      name: identifier(endpoint.slice(dot + 1)),
      definition
    }
  })
  const services = Map.groupBy(methods, ({ service }) => service)
  const file = makeFile()
  // A service's name is one among those of the messages, and cannot be another: calls name it.
  for (const service of services.keys()) file.names(service)
  return {
    package: contract.key.split(".").map(identifier).join("."),
    services: Array.from(services, ([name, methods]) => ({
      name,
      methods: methods.map(({ definition, name }) => ofMethod(file, name, definition))
    }))
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const ofMethod = (
  file: File,
  name: string,
  { error, payload, success }: Contract.Method<Contract.Side, Contract.Side, Wire>
): Method => ({
  name,
  payload: ofSide(file, payload, `${pascal(name)}Request`, name),
  success: ofSide(file, success, `${pascal(name)}Response`, name),
  error: isNever(error.ast) ? undefined : toRoot(file, error.ast, `${pascal(name)}Error`, [name])
})

const ofSide = (file: File, side: Contract.Side, name: string, method: string): Side => {
  const streamed = Contract.isStreamed(side)
  const schema = streamed ? side.schema : side
  return { root: toRoot(file, schema.ast, name, [method]), streamed }
}

const isNever = (ast: SchemaAST.AST): boolean => SchemaAST.toEncoded(ast)._tag === "Never"

/** A name that protobuf takes: letters, digits and underscores, and no digit first. */
const identifier = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(?![A-Za-z_])/, "_")
