/**
 * How members of this package live among agents of Serf: their records are events of Serf, which every agent passes on.
 */
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { createHash } from "node:crypto"
import { isGone } from "../core/members.ts"
import type { Dialect } from "../registry/dialect.ts"
import type { Node } from "../registry/node.ts"
import type { Ring } from "../registry/ring.ts"
import * as Msgpack from "../wire/msgpack.ts"
import { attempt, isProblem } from "../wire/problem.ts"
import * as Keys from "./keys.ts"
import * as Messages from "./messages.ts"

/** A cluster of Serf. All of its members must be told so: agents refuse whoever speaks plain memberlist. */
export const serf: Dialect = {
  delegate: { min: 2, max: 5, current: 5 },
  meta: Messages.meta,
  make: (node, ring) => {
    const context: Context = {
      node,
      ring,
      memberTime: 1,
      eventTime: 1,
      queryTime: 1,
      seen: new Set(),
      isLeaving: false
    }
    return {
      repeats: true,
      isOurs: ({ meta }) => Messages.isTagged(meta),
      isGuest: () => false,
      wrap: (payload) => {
        const said = Messages.write({ _tag: "Event", time: context.eventTime++, name: Messages.tag, payload })
        isNew(context, said)
        return said
      },
      unwrap: (payload) => unwrap(context, payload),
      wrapState: (micro) => Messages.writeState({ ...context, micro }),
      unwrapState: (payload) => unwrapState(context, payload),
      joined: () => intend(context, "Join"),
      leaving: leaving(context)
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------

interface Context {
  readonly node: Node
  readonly ring: Ring | undefined
  /** The clocks that all members count together: each is past all that was heard of it. */
  memberTime: number
  eventTime: number
  queryTime: number
  /** What was passed on already, the oldest first. */
  readonly seen: Set<string>
  isLeaving: boolean
}

/** So many messages are known again: those that went round before are told by their time to be old, by agents at least. */
const mostSeen = 4096

/** Members that are told directly that one goes: an agent that misses it takes the leave for a failure. */
const farewells = 5

/** Milliseconds between saying that one goes and going. */
const farewellTime = 500

const unwrap = (context: Context, payload: Uint8Array): Uint8Array | undefined => {
  const message = Messages.read(payload)
  if (message === undefined || isProblem(message) || !isNew(context, payload)) return undefined
  if (payload.length <= context.node.room) context.node.swim.carry(payload)
  switch (message._tag) {
    case "Event":
      context.eventTime = Math.max(context.eventTime, message.time + 1)
      return message.name === Messages.tag ? message.payload : undefined
    case "Query":
      context.queryTime = Math.max(context.queryTime, message.time + 1)
      return void answer(context, message)
    default: {
      context.memberTime = Math.max(context.memberTime, message.time + 1)
      // That an earlier life under this name went.
      const isStale = message._tag === "Leave" && message.node === context.node.swim.self.node && !context.isLeaving
      return isStale ? void intend(context, "Join") : undefined
    }
  }
}

const unwrapState = (context: Context, payload: Uint8Array): Uint8Array => {
  const state = Messages.readState(payload)
  if (state === undefined || isProblem(state)) return new Uint8Array(0)
  for (const clock of ["memberTime", "eventTime", "queryTime"] as const) {
    context[clock] = Math.max(context[clock], state[clock] + 1)
  }
  return state.micro
}

const isNew = ({ seen }: Context, payload: Uint8Array): boolean => {
  const digest = createHash("sha1").update(payload).digest("latin1")
  if (seen.has(digest)) return false
  seen.add(digest)
  if (seen.size > mostSeen) { for (const oldest of seen) return seen.delete(oldest) }
  return true
}

/** Says that this member comes or goes, and returns what was said. */
const intend = (context: Context, what: "Join" | "Leave"): Uint8Array => {
  const { swim } = context.node
  const said = Messages.write({ _tag: what, time: context.memberTime++, node: swim.self.node })
  isNew(context, said)
  swim.carry(said)
  return said
}

const leaving = (context: Context): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { random, send, swim } = context.node
    context.isLeaving = true
    const said = intend(context, "Leave")
    const others = swim.members().filter((member) => member !== swim.self && !isGone(member))
    for (let count = 0; count < farewells && others.length > 0; count++) {
      const [other] = others.splice(Math.floor(random() * others.length), 1)
      if (other !== undefined) send(other, said)
    }
    return Effect.sleep(farewellTime)
  })

const answer = (context: Context, query: Messages.Query): void => {
  const { node, ring } = context
  const { node: name } = node.swim.self
  const size = query.asker.address.length
  if (size !== 4 && size !== 16 || !query.filters.every((filter) => isMeant(filter, name))) return
  const say = (payload?: Uint8Array) => node.send(query.asker, Messages.response(query.time, query, name, payload))
  if (query.wantsAck) say()
  // Encrypted like all else: where there are no keys, who asks may be anybody, and there is nothing to tell.
  const keys = Keys.answer(query, ring)
  if (keys !== undefined) say(keys)
}

/** Whether a filter lets a member of this name through. Those for tags are expressions of a stranger, and are not run. */
const isMeant = (filter: Uint8Array, name: string): boolean => {
  if (filter[0] !== 0) return false
  const names = attempt(() => Msgpack.value(Messages.behind(filter)))
  return Array.isArray(names)
    && names.some((other) => other instanceof Uint8Array && Buffer.compare(other, Buffer.from(name)) === 0)
}
