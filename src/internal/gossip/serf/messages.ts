/**
 * What agents of Serf say to each other: a type byte, and a map of fields in the old form of MessagePack.
 */
import { Buffer } from "node:buffer"
import * as Bodies from "../wire/bodies.ts"
import type { Endpoint } from "../wire/messages.ts"
import * as Msgpack from "../wire/msgpack.ts"
import { attempt, type Problem } from "../wire/problem.ts"

/** A member says that it comes or goes, at a time of the clock that all members count together. */
export interface Intent {
  readonly _tag: "Leave" | "Join"
  readonly time: number
  readonly node: string
}

/** Something for everybody, under a name. */
export interface Event {
  readonly _tag: "Event"
  readonly time: number
  readonly name: string
  readonly payload: Uint8Array
}

/** A question for everybody that passes its filters. */
export interface Query {
  readonly _tag: "Query"
  readonly time: number
  readonly id: number
  /** Where the answers go. */
  readonly asker: Endpoint
  readonly wantsAck: boolean
  readonly name: string
  readonly payload: Uint8Array
  /** Each a type byte and what it says. */
  readonly filters: ReadonlyArray<Uint8Array>
}

export type Message = Intent | Event | Query

/** What is told when two members compare all they know. */
export interface State {
  readonly memberTime: number
  readonly eventTime: number
  readonly queryTime: number
  /** What members of this package tell each other; agents skip it. */
  readonly micro: Uint8Array
}

/** The tag that tells members of this package from agents. */
export const tag = "effect-micro"

/** The tags of a member of this package, as they stand in its meta. */
export const meta: Uint8Array = Buffer.concat([Uint8Array.of(255), map({ [tag]: "1" })])

/** Whether a member has the tag. */
export const isTagged = (meta: Uint8Array): boolean =>
  meta[0] === 255 && attempt(() => Msgpack.fields(behind(meta)).has(tag)) === true

export const write = (message: Intent | Event): Uint8Array =>
  message._tag === "Event"
    ? typed(Type.Event, { CC: false, LTime: message.time, Name: message.name, Payload: message.payload })
    : message._tag === "Leave"
    ? typed(Type.Leave, { LTime: message.time, Node: message.node, Prune: false })
    : typed(Type.Join, { LTime: message.time, Node: message.node })

/** An answer to a query; one without a payload only says that the query came. */
export const response = (time: number, { id }: Query, from: string, payload?: Uint8Array): Uint8Array =>
  typed(Type.Response, { Flags: payload === undefined ? 1 : 0, From: from, ID: id, LTime: time, Payload: payload })

export const writeState = ({ eventTime, memberTime, micro, queryTime }: State): Uint8Array =>
  typed(Type.State, {
    EventLTime: eventTime,
    Events: undefined,
    LTime: memberTime,
    LeftMembers: undefined,
    Micro: micro,
    QueryLTime: queryTime,
    StatusLTimes: undefined
  })

/** What was said; nothing where it is of no interest here. */
export const read = (payload: Uint8Array): Message | Problem | undefined =>
  attempt(() => {
    const type = payload[0]
    if (type === Type.Leave || type === Type.Join) {
      const fields = Msgpack.fields(behind(payload))
      return {
        _tag: type === Type.Leave ? "Leave" : "Join",
        time: Bodies.uint(fields, "LTime"),
        node: Bodies.text(fields, "Node")
      }
    }
    if (type === Type.Event) {
      const fields = Msgpack.fields(behind(payload))
      return {
        _tag: "Event",
        time: Bodies.uint(fields, "LTime"),
        name: Bodies.text(fields, "Name"),
        payload: Bodies.raw(fields, "Payload")
      }
    }
    return type === Type.Query ? readQuery(Msgpack.fields(behind(payload))) : undefined
  })

/** The state of a member; nothing where it is told by something else than Serf. */
export const readState = (payload: Uint8Array): State | Problem | undefined =>
  payload[0] !== Type.State ? undefined : attempt(() => {
    const fields = Msgpack.fields(behind(payload))
    return {
      memberTime: Bodies.uint(fields, "LTime"),
      eventTime: Bodies.uint(fields, "EventLTime"),
      queryTime: Bodies.uint(fields, "QueryLTime"),
      micro: Bodies.raw(fields, "Micro")
    }
  })

/** A reader of what is behind the type byte. */
export const behind = (payload: Uint8Array): Msgpack.Reader => Msgpack.makeReader(payload.subarray(1))

// ---------------------------------------------------------------------------------------------------------------------

const Type = { Leave: 0, Join: 1, State: 2, Event: 3, Query: 4, Response: 5 } as const

function map(fields: Msgpack.Writable): Uint8Array {
  const writer = Msgpack.makeWriter()
  writer.write(fields)
  return writer.bytes()
}

const typed = (type: number, fields: Msgpack.Writable): Uint8Array => Buffer.concat([Uint8Array.of(type), map(fields)])

const readQuery = (fields: Msgpack.Fields): Query => {
  const filters = fields.get("Filters")
  return {
    _tag: "Query",
    time: Bodies.uint(fields, "LTime"),
    id: Bodies.uint(fields, "ID"),
    asker: { address: Bodies.raw(fields, "Addr"), port: Bodies.uint(fields, "Port") },
    wantsAck: (Bodies.uint(fields, "Flags") & 1) === 1,
    name: Bodies.text(fields, "Name"),
    payload: Bodies.raw(fields, "Payload"),
    filters: Array.isArray(filters) ? filters.filter((filter) => filter instanceof Uint8Array) : []
  }
}
