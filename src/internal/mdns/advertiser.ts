/**
 * Says who is here: asked and unasked, until it says goodbye.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import { type Instance, InvalidInstance, RegistryError } from "../../Registry.ts"
import type { Latest } from "../registry/latest.ts"
import type { Advert } from "./advert.ts"
import * as Adverts from "./advert.ts"
import * as Cache from "./cache.ts"
import { isLoopback } from "./interfaces.ts"
import type { Link } from "./link.ts"
import { newId } from "./link.ts"
import type { Outgoing, Packet } from "./packet.ts"
import type { Registration } from "./registration.ts"
import * as Registrations from "./registration.ts"
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

/** Milliseconds between what is said unasked: at once, after one second, and after three. */
const announcements = [0, 1000, 2000]

/** Questions of one packet that are answered. */
const mostQuestions = 16

/** Says who is here, over the link, and knows it in the cache. */
export const make = (link: Link, cache: Latest<Cache.Cache>, options: Options): Advertiser => {
  const desk: Desk = { link, cache, registrations: new Map() }
  const { registrations } = desk
  return {
    register: Effect.fnUntraced(function*(instance) {
      const { all } = yield* link.interfaces
      const registration = yield* Effect.mapError(Registrations.make(instance, all, options), invalid(instance))
      if (registrations.size >= capacity && !registrations.has(registration.advert.name)) {
        return yield* Effect.fail(invalid(instance)(`${capacity} instances are registered in this process already`))
      }
      yield* Effect.acquireRelease(enter(desk, registration), () => leave(desk, registration))
      yield* Effect.forkScoped(announce(desk, registration))
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

/** All that is announced, by the name on the wire. */
interface Desk {
  readonly link: Link
  readonly cache: Latest<Cache.Cache>
  readonly registrations: Map<string, Registration>
}

const invalid = ({ id, service }: Instance) => (problem: string): RegistryError =>
  new RegistryError({ reason: new InvalidInstance({ service, id, problem }) })

const isCurrent = ({ registrations }: Desk, one: Registration): boolean => registrations.get(one.advert.name) === one

const enter = ({ cache, registrations }: Desk, registration: Registration): Effect.Effect<void> =>
  Effect.suspend(() => {
    const { advert, instance } = registration
    registrations.set(advert.name, registration)
    return cache.update((cache) => Cache.own(Sighting.named(instance.service))(Cache.own(instance)(cache)))
  })

const leave = Effect.fnUntraced(function*(desk: Desk, registration: Registration) {
  if (!isCurrent(desk, registration)) return
  const { advert, instance } = registration
  desk.registrations.delete(advert.name)
  const now = yield* Clock.currentTimeMillis
  yield* desk.cache.update(Cache.disown(instance, now))
  const isLast = ![...desk.registrations.values()].some((other) => other.advert.service === advert.service)
  if (isLast) yield* desk.cache.update(Cache.disownName(advert.service, now))
  yield* desk.link.tell(Adverts.announcement({ ...advert, ttl: 0 }))
})

/** Three probes and three announcements, unless somebody took its place in between. */
const announce = Effect.fnUntraced(function*(desk: Desk, registration: Registration) {
  const id = yield* newId
  const tell = (packet: Outgoing) =>
    Effect.suspend(() => isCurrent(desk, registration) ? desk.link.tell(packet) : Effect.void)
  for (let times = 0; times < 3; times++) {
    yield* tell(Adverts.probe(registration.advert, id))
    yield* Effect.sleep(yield* Random.nextIntBetween(0, 250))
  }
  for (const wait of announcements) {
    yield* Effect.sleep(wait)
    yield* tell(Adverts.announcement(registration.advert))
  }
})
