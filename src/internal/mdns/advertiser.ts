/**
 * Says who is here: asked and unasked, until it says goodbye.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as os from "node:os"
import { type Instance, InvalidInstance, RegistryError } from "../../Registry.ts"
import type { Latest } from "../latest.ts"
import type { Advert } from "./advert.ts"
import * as Adverts from "./advert.ts"
import * as Cache from "./cache.ts"
import * as Description from "./description.ts"
import * as Hosts from "./host.ts"
import { isLoopback } from "./interfaces.ts"
import type { Link } from "./link.ts"
import { newId } from "./link.ts"
import * as Names from "./names.ts"
import type { Outgoing, Packet } from "./packet.ts"
import * as Sighting from "./sighting.ts"
import type { From } from "./socket.ts"

/** Says who is here. */
export interface Advertiser {
  readonly register: (instance: Instance) => Effect.Effect<void, RegistryError, Scope.Scope>
  /** Answers the questions of a packet that are about instances of ours. */
  readonly answer: (packet: Packet, from: From) => Effect.Effect<void>
}

/** How to say it. */
export interface Options {
  readonly domain: string
  /** Seconds. */
  readonly ttl: number
}

/** How many instances one process announces: each of them answers each question for its service in a packet. */
const capacity = 256

/** Bytes of one answer; mDNS has no room for more, and less than 1,400 travel without being cut. */
const largest = 9000

/** Milliseconds between what is said unasked: at once, after one second, and after three. */
const announcements = [0, 1000, 2000]

/** Questions of one packet that are answered. */
const mostQuestions = 16

/** Says who is here, over the link, and knows it in the cache. */
export const make = (link: Link, cache: Latest<Cache.Cache>, options: Options): Advertiser => {
  const registrations = new Map<string, Registration>()
  const isCurrent = (one: Registration) => registrations.get(one.advert.name) === one
  const isLast = ({ service }: Instance) => ![...registrations.values()].some((one) => one.advert.service === service)

  const enter = (registration: Registration) =>
    Effect.suspend(() => {
      registrations.set(registration.advert.name, registration)
      const name = Cache.own(Sighting.named(registration.instance.service))
      return cache.update((cache) => name(Cache.own(registration.instance)(cache)))
    })
  const leave = Effect.fnUntraced(function*(registration: Registration) {
    if (!isCurrent(registration)) return
    const { advert, instance } = registration
    registrations.delete(advert.name)
    const now = yield* Clock.currentTimeMillis
    yield* cache.update(Cache.disown(instance, now))
    if (isLast(instance)) yield* cache.update(Cache.disownName(instance.service, now))
    yield* link.tell(Adverts.announcement({ ...advert, ttl: 0 }))
  })
  const announce = Effect.fnUntraced(function*(registration: Registration) {
    const id = yield* newId
    const tell = (packet: Outgoing) => Effect.suspend(() => isCurrent(registration) ? link.tell(packet) : Effect.void)
    for (let times = 0; times < 3; times++) {
      yield* tell(Adverts.probe(registration.advert, id))
      yield* Effect.sleep(yield* Random.nextIntBetween(0, 250))
    }
    for (const wait of announcements) {
      yield* Effect.sleep(wait)
      yield* tell(Adverts.announcement(registration.advert))
    }
  })

  return {
    register: Effect.fnUntraced(function*(instance) {
      const { all } = yield* link.interfaces
      const registration = yield* Effect.mapError(toRegistration(instance, all, options), invalid(instance))
      if (registrations.size >= capacity && !registrations.has(registration.advert.name)) {
        return yield* Effect.fail(invalid(instance)(`${capacity} instances are registered in this process already`))
      }
      yield* Effect.acquireRelease(enter(registration), () => leave(registration))
      yield* Effect.forkScoped(announce(registration))
    }),
    answer: Effect.fnUntraced(function*(packet, from) {
      const { isNear, isOwn } = yield* link.interfaces
      if (registrations.size === 0 || !isNear(from.address)) return
      // An address that is good on this machine only is nobody else's business.
      const adverts = Array.from(registrations.values(), ({ advert }) => advert)
        .filter(({ ip }) => !isLoopback(ip) || isOwn(from.address))
      for (const response of responses(packet, adverts, options.domain)) yield* link.reply(response, from)
    })
  }
}

/** The packets that answer a packet: one for each instance, as one Go Micro server answers for one. */
export const responses = (packet: Packet, adverts: ReadonlyArray<Advert>, domain: string): ReadonlyArray<Outgoing> =>
  packet.questions.slice(0, mostQuestions).flatMap((question) => {
    const listings = new Map(adverts.map((advert) => [advert.service, Adverts.listingOf(advert, domain)]))
    return [
      ...[...adverts, ...listings.values()].map((advert) => Adverts.answersTo(advert, question)),
      Adverts.metaAnswersTo(adverts, question, domain),
      Adverts.hostAnswersTo(adverts, question)
    ].filter((answers) => answers.length > 0).map((answers) =>
      // The id comes back where the question asks for an answer to itself alone, by the highest bit of its class.
      Adverts.response(String(question.class) === "UNKNOWN_32769" ? packet.id : 0, question, answers)
    )
  })

// ---------------------------------------------------------------------------------------------------------------------

/** An instance of ours. Its identity tells it from one that replaced it under the same name. */
interface Registration {
  readonly advert: Advert
  /** As everybody else reads it. */
  readonly instance: Instance
}

const invalid = ({ id, service }: Instance) => (problem: string): RegistryError =>
  new RegistryError({ reason: new InvalidInstance({ service, id, problem }) })

/** What Go Micro's own server says about itself, so that its clients speak to ours as to one of theirs. */
const goMicro = { protocol: "mucp", transport: "http", server: "mucp", registry: "mdns" }

const toRegistration = Effect.fnUntraced(function*(
  instance: Instance,
  interfaces: Parameters<typeof Hosts.resolve>[1],
  { domain, ttl }: Options
) {
  const { endpoints, id, service, version } = instance
  const name = Names.ofInstance(id, service, domain)
  const problem = Names.problemOf(name) ?? Names.problemOf(Names.ofInstance(service, Names.listing, domain)) ??
    (service.split(".")[0] === Names.listing ? `"${Names.listing}" is the list of services` : undefined)
  if (problem !== undefined) return yield* Effect.fail(problem)
  const { address, ip, port } = yield* Hosts.resolve(instance.address, interfaces)
  const metadata = { ...goMicro, ...instance.metadata, [Sighting.addressKey]: address }
  const txt = Description.encode({ service, version, metadata, endpoints })
  const browse = Names.ofService(service, domain)
  const advert: Advert = { service, browse, name, host: hostName(), ip, port, txt, ttl }
  const bytes = sizeOf(advert)
  if (bytes > largest) return yield* Effect.fail(`its description takes ${bytes} bytes; an answer holds ${largest}`)
  const text = txt.map((part) => part.toString()).join("")
  const read = Sighting.toInstance({ name: `${id}.${service}`, ttl, port, ip, txt: text }, service, id)
  return read === undefined
    ? yield* Effect.fail(`its description takes more than ${Description.limit} bytes of JSON`)
    : { advert, instance: read }
})

/** The upper bound of a packet with all records: names are not compressed. */
const sizeOf = ({ browse, host, name, txt }: Advert): number =>
  txt.reduce((sum, part) => sum + part.length + 1, 0) + 200 +
  [browse, browse, name, name, name, host, host].reduce((sum, name) => sum + Buffer.byteLength(name) + 2, 0)

const hostName = (): string => Names.problemOf(os.hostname()) === undefined ? os.hostname() : "localhost"
