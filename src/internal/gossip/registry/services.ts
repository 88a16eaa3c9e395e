/**
 * The services of a cluster: records that its members carry for each other, and that live as long as who wrote them.
 */
import * as Effect from "effect/Effect"
import { isGone, type Member } from "../core/members.ts"
import type { Endpoint } from "../wire/messages.ts"
import { isProblem } from "../wire/problem.ts"
import * as Announcements from "./announcements.ts"
import type { Speaker } from "./dialect.ts"
import type { Listing } from "./listing.ts"
import * as News from "./news.ts"
import type { Application, Node } from "./node.ts"
import * as Records from "./records.ts"

export interface Services {
  readonly application: Application
  /** Tells everybody of what this process runs. Why that cannot be, if it cannot. */
  readonly announce: (registration: Announcements.Registration) => string | undefined
  readonly withdraw: (registration: Announcements.Registration) => void
  /** Forgets what is over. */
  readonly sweep: () => void
  /** Whether a member of this package has told all it knows. */
  readonly isInformed: () => boolean
  /** The other members that run this package, and are there. */
  readonly others: () => ReadonlyArray<Member>
}

interface Context {
  readonly node: Node
  readonly speaker: Speaker
  readonly listing: Listing
  readonly records: Records.Records
  readonly own: Announcements.Announcements
  /** How often a record was written here; with `life` the version of each. */
  sequence: number
  readonly life: number
  /** How often others were answered who tell of an earlier life, since the last sweep. */
  defences: number
  /** Whether somebody has told of all services that there are. */
  isInformed: boolean
}

export const make = (node: Node, speaker: Speaker, listing: Listing): Services => {
  const context: Context = {
    node,
    speaker,
    listing,
    records: Records.make(),
    own: Announcements.make(),
    sequence: 0,
    life: Math.floor(node.random() * 0xFFFF_FFFF),
    defences: 0,
    isInformed: false
  }
  return {
    application: application(context),
    announce: (registration) => {
      const { instance } = registration
      context.own.put(registration)
      const problem = publish(context, instance.service)
      if (problem !== undefined) context.own.remove(registration)
      return problem
    },
    withdraw: (registration) => {
      if (context.own.remove(registration)) publish(context, registration.instance.service)
    },
    sweep: () => {
      const { swim } = node
      context.defences = 0
      const over = context.records.sweep(
        (name) => swim.get(name) !== undefined,
        node.now() - 2 * node.settings.pushPullInterval
      )
      for (const { node, service } of over) listing.set(service, node, [])
    },
    isInformed: () => context.isInformed,
    others: () => others(context)
  }
}

// ---------------------------------------------------------------------------------------------------------------------

/** Bytes of records in one answer. What is left out is what the next one finds different. */
const mostInAnswer = 8 * 1024 * 1024

/** More records at once than that come of two parts of a cluster that have met: comparing spreads them, not gossip. */
const mostPassedOn = 16

/** Members that a record is sent to which no packet holds. */
const fanOut = 4

const application = (context: Context): Application => {
  const { node, speaker } = context
  const read = (payload: Uint8Array, from: string): News.Told | undefined => {
    const told = News.read(payload)
    if (!isProblem(told)) return told
    node.complaints.once(`records ${from}`, `Services that are told in ${from} cannot be read: ${told.message}`)
    return undefined
  }
  const wrapState = (told: News.Told) => speaker.wrapState(News.write(told))
  return {
    heard: (payload, from) => {
      const ours = speaker.unwrap(payload)
      if (ours === undefined) return
      const told = read(ours, "gossip")
      if (told?._tag === "News") takeAll(context, told.records, told.records.length <= mostPassedOn)
      else if (from !== undefined && !News.isOurs(ours)) node.run(heardFromGuest(context, ours, from))
    },
    changed: (change) => {
      if ("member" in change && change._tag !== "Conflict") list(context, change.member)
    },
    question: () => wrapState({ _tag: "Question", sums: sums(context), records: [] }),
    answer: (question) => {
      const told = read(speaker.unwrapState(question), "a push/pull")
      return told?._tag === "Question" ? wrapState(answer(context, told.sums)) : speaker.wrapState(new Uint8Array(0))
    },
    answered: (answer, by) => {
      const state = speaker.unwrapState(answer)
      const told = read(state, "a push/pull")
      if (told?._tag !== "Answer") return toldByGuest(context, state)
      context.isInformed = true
      takeAll(context, told.records, false)
      supply(context, told.sums, by)
      return Effect.void
    },
    isGuest: speaker.isGuest,
    leaving: speaker.leaving
  }
}

/** All that a member runs, and nothing of one that is gone. */
const list = ({ listing, records }: Context, member: Member): void => {
  const isShown = !isGone(member)
  for (const { instances, node, service } of records.of(member.node)) {
    listing.set(service, node, isShown ? instances : [])
  }
}

/** Most clusters have no member of Go Micro, and load nothing of what it says. */
const goMicro = Effect.promise(() => import("../goMicro/guests.ts"))

const guests = ({ node: { swim }, speaker }: Context): ReadonlyArray<Member> =>
  swim.members().filter((member) => !isGone(member) && speaker.isGuest(member))

const heardFromGuest = (context: Context, payload: Uint8Array, from: Endpoint): Effect.Effect<void> =>
  Effect.map(goMicro, (GoMicro) => {
    const told = GoMicro.heard({ guests: guests(context), records: context.records }, payload, from)
    if (isProblem(told)) context.node.complaints.once(told.message, told.message)
    else if (told !== undefined && take(context, told)) pass(context, told, false)
  })

const toldByGuest = (context: Context, state: Uint8Array): Effect.Effect<void> =>
  state.length === 0 || News.isOurs(state) ? Effect.void : Effect.map(goMicro, (GoMicro) => {
    const told = GoMicro.told({ guests: guests(context), records: context.records }, state)
    if (isProblem(told)) context.node.complaints.once(told.message, told.message)
    else for (const record of told) take(context, record)
  })

/** What is known of those that are there. */
const sums = ({ node: { swim }, records }: Context): News.Sums => {
  const sums = new Map<string, number>()
  for (const node of records.nodes()) {
    const member = swim.get(node)
    const sum = member === undefined || isGone(member) ? 0 : records.sum(node)
    if (sum !== 0) sums.set(node, sum)
  }
  return sums
}

const answer = (context: Context, theirs: News.Sums): News.Told => {
  const ours = sums(context)
  const names = [...new Set([...ours.keys(), ...theirs.keys()])].filter((name) => ours.get(name) !== theirs.get(name))
  return {
    _tag: "Answer",
    sums: new Map(names.map((name) => [name, ours.get(name) ?? 0])),
    records: some(names.flatMap(context.records.told))
  }
}

/** Tells somebody what they lack. */
const supply = ({ node, records, speaker }: Context, theirs: News.Sums, to: Endpoint): void => {
  const names = [...theirs.keys()].filter((name) => records.sum(name) !== theirs.get(name))
  const lacking = some(names.flatMap(records.told))
  if (lacking.length === 0) return
  node.run(Effect.ignore(node.tell(to, speaker.wrap(News.write({ _tag: "News", records: lacking })))))
}

const some = (records: ReadonlyArray<Records.Record>): ReadonlyArray<Records.Record> => {
  let bytes = 0
  return records.filter((record) => (bytes += record.bytes.length) <= mostInAnswer)
}

const takeAll = (context: Context, records: ReadonlyArray<Records.Record>, passesOn: boolean): void => {
  for (const record of records) {
    if (record.node === context.node.swim.self.node) defend(context, record)
    else if (take(context, record) && passesOn) pass(context, record, false)
  }
}

/** Whether it is news. */
const take = (context: Context, record: Records.Record): boolean => {
  const { listing, node, records } = context
  const result = records.put(record, node.now())
  if (result === "Full") {
    node.complaints.once(
      "full",
      `There are more services in the gossip cluster than fit into memory: ${record.service} of ${record.node} is left out`
    )
  }
  if (result !== "New") return false
  const member = node.swim.get(record.node)
  if (member !== undefined && !isGone(member)) listing.set(record.service, record.node, record.instances)
  return true
}

/** Two processes of one name would answer each other for ever. */
const mostDefences = 64

/** Somebody tells of what an earlier process of this name ran. */
const defend = (context: Context, { instances, life, sequence, service }: Records.Record): void => {
  if (life === context.life || context.defences++ > mostDefences) return
  context.sequence = Math.max(context.sequence, sequence)
  if (instances.length > 0 || context.own.of(service).length > 0) publish(context, service)
}

/** Writes the record of a service anew. Why that cannot be, if it cannot. */
const publish = (context: Context, service: string): string | undefined => {
  const { life, node, own } = context
  const instances = own.of(service)
  const record = News.record({ node: node.swim.self.node, service, instances, sequence: ++context.sequence, life })
  const size = record.bytes.length
  if (size > Records.maxRecord) return `the instances of one process take ${size} bytes of ${Records.maxRecord}`
  if (!take(context, record)) return `a process announces at most ${Records.bounds.ofNode} services`
  pass(context, record, true)
  node.swim.hurry()
  return undefined
}

/** Passes a record on: by gossip where a packet holds it, and else over connections. */
const pass = (context: Context, record: Records.Record, isOwn: boolean): void => {
  const { node, speaker } = context
  const news = speaker.wrap(News.write({ _tag: "News", records: [record] }))
  if (news.length <= node.room) return isOwn || !speaker.repeats ? node.swim.carry(news) : undefined
  const left = others(context)
  for (let count = 0; count < fanOut && left.length > 0; count++) {
    const [other] = left.splice(Math.floor(node.random() * left.length), 1)
    if (other !== undefined) node.run(Effect.ignore(node.tell(other, news)))
  }
}

const others = ({ node: { swim }, speaker }: Context): Array<Member> =>
  swim.members().filter((member) => member !== swim.self && !isGone(member) && speaker.isOurs(member))
