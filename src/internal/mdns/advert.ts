/**
 * Something that is announced: the records that stand for it, and the packets that carry them.
 *
 * All records of an advert go into one packet: Go Micro drops what it has to ask for twice.
 */
import { isIPv6 } from "node:net"
import * as Names from "./names.ts"
import type { Answer, Outgoing, Question } from "./packet.ts"
import { authoritative } from "./packet.ts"

/** Something that is announced. */
export interface Advert {
  readonly service: string
  /** The name that browses for it: `orders.micro`. */
  readonly browse: string
  /** Its own name: `orders-1.orders.micro`. */
  readonly name: string
  /** The name of this machine, which the address belongs to. */
  readonly host: string
  readonly ip: string
  readonly port: number
  readonly txt: ReadonlyArray<Buffer>
  /** Seconds that others may believe it without asking again. */
  readonly ttl: number
}

/** The entry of a service in the list of services. Go Micro reads no entry without address, port and TXT. */
export const listingOf = (advert: Advert, domain: string): Advert => ({
  ...advert,
  service: Names.listing,
  browse: Names.ofService(Names.listing, domain),
  name: Names.ofInstance(advert.service, Names.listing, domain),
  ip: "0.0.0.0",
  port: 9999,
  txt: []
})

/** The records that answer a question about the advert; none where the question is about something else. */
export const answersTo = (advert: Advert, question: Question): ReadonlyArray<Answer> => {
  const { name, type } = question
  const any = isAny(type)
  if (name === advert.browse) return any || type === "PTR" ? [ptr(advert), ...records(advert)] : []
  if (name !== advert.name) return []
  return type === "SRV"
    ? [srv(advert), address(advert)]
    : records(advert).filter((record) => any || record.type === type)
}

/** The addresses of this machine that are announced, where somebody asks for them by its name. */
export const hostAnswersTo = (adverts: ReadonlyArray<Advert>, question: Question): ReadonlyArray<Answer> => {
  const asked = adverts.filter(({ host }) => host === question.name).map(address)
  const wanted = asked.filter(({ type }) => isAny(question.type) || question.type === type)
  return [...new Map(wanted.map((record) => [record.data, record])).values()]
}

/** The names of the services, as DNS-SD asks for them. */
export const metaAnswersTo = (
  adverts: ReadonlyArray<Advert>,
  question: Question,
  domain: string
): ReadonlyArray<Answer> => {
  const name = Names.ofMeta(domain)
  if (question.name !== name || !isAny(question.type) && question.type !== "PTR") return []
  const pointers = adverts.map(({ browse, ttl }): Pointing => ({ name, type: "PTR", ttl, data: browse }))
  return [...new Map(pointers.map((record) => [record.data, record])).values()]
}

/**
 * The packet that answers a question. The question goes back with it: newer Go Micro drops an answer that does not say
 * what it answers. Such a packet must never be sent to the group, where Go Micro would take it for a question.
 */
export const response = (id: number, question: Question, answers: ReadonlyArray<Answer>): Outgoing => ({
  type: "response",
  id,
  flags: authoritative,
  questions: [{ name: question.name, type: question.type, class: question.class === "ANY" ? "ANY" : "IN" }],
  answers: [...answers]
})

/** The packet that nobody asked for. A TTL of 0 is a goodbye. */
export const announcement = (advert: Advert): Outgoing => ({
  type: "response",
  id: 0,
  answers: [...records(advert)]
})

/** The packet that asks whether the name is taken. Go Micro sends it, and nobody objects. */
export const probe = (advert: Advert, id: number): Outgoing => ({
  type: "query",
  id,
  questions: [{ name: advert.name, type: "PTR", class: "IN" }],
  authorities: [srv(advert, 0, 0), txt(advert)]
})

/** The packet that asks the group. */
export const query = (name: string, type: "PTR" | "ANY", id: number): Outgoing => ({
  type: "query",
  id,
  questions: [{ name, type, class: "IN" }]
})

// ---------------------------------------------------------------------------------------------------------------------

/** A record whose data is a name or an address. */
type Pointing = Extract<Answer, { readonly data: string }>

const isAny = (type: string): boolean => type === "ANY"

const records = (advert: Advert): ReadonlyArray<Answer> => [srv(advert), address(advert), txt(advert)]

const ptr = ({ browse, name, ttl }: Advert): Answer => ({ name: browse, type: "PTR", ttl, data: name })

const srv = ({ host, name, port, ttl }: Advert, priority = 10, weight = 1): Answer => ({
  name,
  type: "SRV",
  ttl,
  data: { priority, weight, port, target: host }
})

const address = ({ host, ip, ttl }: Advert): Pointing => ({
  name: host,
  type: isIPv6(ip) ? "AAAA" : "A",
  ttl,
  data: ip
})

// A copy, since the encoder keeps what it is given.
const txt = (advert: Advert): Answer => ({ name: advert.name, type: "TXT", ttl: advert.ttl, data: [...advert.txt] })
