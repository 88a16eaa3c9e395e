/**
 * What is believed about the instances of others, and for how long: packets and the time in, the next state out.
 *
 * Nothing here waits, sends or reads a clock. Times are milliseconds.
 *
 * The names of services are held as instances of one more service, as Go Micro has them on the wire: they are found,
 * refreshed and dropped by the same rules.
 */
import * as Equal from "effect/Equal"
import * as HashMap from "effect/HashMap"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type { Instance } from "../../Registry.ts"
import * as Roster from "../registry/roster.ts"
import * as Names from "./names.ts"
import * as Sighting from "./sighting.ts"

/** What is believed about the instances of others, and what is known about our own. */
export interface Cache {
  readonly shelves: ReadonlyMap<string, Shelf>
  /** Until when nobody is believed who says that one of these is there: answers overtake goodbyes. */
  readonly gone: ReadonlyMap<string, number>
  /** No later than the first moment at which something has to be asked or dropped. */
  readonly next: number
}

/** What is believed about one service. */
export interface Shelf {
  readonly entries: HashMap.HashMap<string, Entry>
  /** The same list until it says something else. */
  readonly roster: Roster.Roster
  readonly browsed: boolean
  /** Whether somebody else answered. */
  readonly answered: boolean
  /** Whether the roster is to be believed, even if it is empty. */
  readonly known: boolean
}

interface Entry {
  readonly instance: Instance
  /** Nothing for an instance of our own, which is believed for as long as it is registered. */
  readonly sighting: Sighting.Sighting | undefined
  readonly expires: number
  /** When to ask for it, soonest first. */
  readonly asks: ReadonlyArray<number>
  readonly doubted: number
}

/** How many instances of others are believed in. Who comes later waits until somebody has left. */
export const capacity = 4096

/** Nobody was heard of. */
export const empty: Cache = { shelves: new Map(), gone: new Map(), next: Infinity }

/** Parts of the TTL after which an entry is asked for, before it is dropped at the end of it. */
const refreshes = [0.8, 0.85, 0.9, 0.95]

/** How long who is doubted has to answer, when he is asked, and how long he is not doubted again. */
const doubtful = { patience: 1000, asks: [0, 250, 600], spacing: 2000 }

const goneFor = 500

/** The list of a service; nothing while it is not known. */
export const rosterOf = (cache: Cache, service: string): Roster.Roster | undefined => {
  const shelf = cache.shelves.get(service)
  return shelf?.known === true ? shelf.roster : undefined
}

/** Whether somebody else answered for the service since it is browsed. */
export const isAnswered = (cache: Cache, service: string): boolean => cache.shelves.get(service)?.answered === true

/** Begins to believe in instances of the service. */
export const browse = (service: string) => (cache: Cache): Cache =>
  withShelf(cache, service, { ...shelfOf(cache, service), browsed: true })

/** Says that whoever is there has had the time to answer. */
export const know = (service: string) => (cache: Cache): Cache =>
  withShelf(cache, service, { ...shelfOf(cache, service), known: true })

/** Forgets a service, but for our own instances. */
export const forget = (service: string) => (cache: Cache): Cache => {
  const own = HashMap.filter(shelfOf(cache, service).entries, isOwn)
  return withShelf(cache, service, { ...emptyShelf, ...shelved(own) })
}

/** Knows an instance of our own, under a service or in the list of services. */
export const own = (instance: Instance) => (cache: Cache): Cache => {
  const entry: Entry = { instance, sighting: undefined, expires: Infinity, asks: [], doubted: -Infinity }
  return withEntry(cache, instance.service, instance.id, entry)
}

/** An instance of our own leaves. */
export const disown = (instance: Instance, now: number) => (cache: Cache): Cache =>
  leave(cache, instance.service, instance.id, now)

/** The last instance of our own of a service leaves. Others may be there still: who watches names asks for them. */
export const disownName = (service: string, now: number) => (cache: Cache): Cache => {
  const entry = entryOf(cache, Names.listing, service)
  if (entry === undefined || !shelfOf(cache, Names.listing).browsed) {
    return withEntry(cache, Names.listing, service, undefined)
  }
  return doubtEntry(cache, { ...entry, sighting: unseen }, now)
}

/** Hears of an instance. `luck`, between 0 and 1, keeps those who hear the same from asking at the same moment. */
export const hear = (sighting: Sighting.Sighting, now: number, luck: number) => (cache: Cache): Cache => {
  const seen = servicesIn(cache, sighting.name).reduce((cache, service) => {
    const id = Names.idOf(sighting.name, service)
    return id === undefined ? cache : hearOf(cache, service, id, sighting, now, luck)
  }, cache)
  return shelfOf(cache, Names.listing).browsed ? hearName(seen, sighting, now, luck) : seen
}

/** Asks for an instance at once, and drops it where nobody answers in time. Our own are beyond doubt. */
export const doubt = (instance: Instance, now: number) => (cache: Cache): Cache => {
  const entry = entryOf(cache, instance.service, instance.id)
  return entry === undefined || entry.instance.address !== instance.address
    ? cache
    : doubtEntry(cache, entry, now)
}

/** Drops what has expired, and tells for whom to ask now. */
export const tick = (now: number) => (cache: Cache): readonly [ReadonlyArray<Instance>, Cache] => {
  if (cache.next > now) return [[], cache]
  const due: Array<Instance> = []
  let next = Infinity
  const shelves = new Map(Array.from(cache.shelves, ([service, shelf]) => {
    const entries = HashMap.filterMap(shelf.entries, (entry) => {
      if (entry.expires <= now) return Result.failVoid
      const asks = entry.asks.filter((at) => at > now)
      next = Math.min(next, asks[0] ?? entry.expires)
      if (asks.length === entry.asks.length) return Result.succeed(entry)
      due.push(entry.instance)
      return Result.succeed({ ...entry, asks })
    })
    const same = HashMap.size(entries) === HashMap.size(shelf.entries)
    return [service, same ? { ...shelf, entries } : { ...shelf, ...shelved(entries) }]
  }))
  return [due, { ...cache, shelves, next }]
}

// ---------------------------------------------------------------------------------------------------------------------

const shelved = (entries: Shelf["entries"]): Pick<Shelf, "entries" | "roster"> => ({
  entries,
  roster: Roster.fromInstances(Array.from(HashMap.values(entries), (entry) => entry.instance))
})

const emptyShelf: Shelf = { ...shelved(HashMap.empty()), browsed: false, answered: false, known: false }

const shelfOf = (cache: Cache, service: string): Shelf => cache.shelves.get(service) ?? emptyShelf

const entryOf = (cache: Cache, service: string, id: string): Entry | undefined =>
  Option.getOrUndefined(HashMap.get(shelfOf(cache, service).entries, id))

const unseen: Sighting.Sighting = { name: "", ttl: 0, port: 0, ip: undefined, txt: "" }

const isOwn = (entry: Entry): boolean => entry.sighting === undefined

const withShelf = (cache: Cache, service: string, shelf: Shelf): Cache => {
  const shelves = new Map(cache.shelves)
  if (shelf.browsed || HashMap.size(shelf.entries) > 0) shelves.set(service, shelf)
  else shelves.delete(service)
  return { ...cache, shelves }
}

const withEntry = (cache: Cache, service: string, id: string, entry: Entry | undefined): Cache => {
  const shelf = shelfOf(cache, service)
  const before = entryOf(cache, service, id)?.instance
  const entries = entry === undefined ? HashMap.remove(shelf.entries, id) : HashMap.set(shelf.entries, id, entry)
  const roster = before === entry?.instance
    ? shelf.roster
    : entry === undefined
    ? Roster.remove(shelf.roster, id)
    : Roster.put(shelf.roster, entry.instance)
  const next = Math.min(cache.next, entry?.asks[0] ?? Infinity, entry?.expires ?? Infinity)
  return { ...withShelf(cache, service, { ...shelf, entries, roster }), next }
}

/** The services that an instance of this name can be of: dots in an id and in a service look the same. */
const servicesIn = (cache: Cache, name: string): ReadonlyArray<string> => {
  const services: Array<string> = []
  for (let dot = name.indexOf("."); dot !== -1; dot = name.indexOf(".", dot + 1)) {
    const service = name.slice(dot + 1)
    if (cache.shelves.get(service)?.browsed === true) services.push(service)
  }
  return services
}

const hearOf = (
  cache: Cache,
  service: string,
  id: string,
  sighting: Sighting.Sighting,
  now: number,
  luck: number
): Cache => {
  const before = entryOf(cache, service, id)
  if (before !== undefined && isOwn(before)) return cache
  if (sighting.ttl === 0) return before === undefined ? cache : leave(cache, service, id, now)
  if ((cache.gone.get(`${id}.${service}`) ?? 0) > now) return cache
  const instance = before?.sighting !== undefined && Sighting.same(before.sighting, sighting)
    ? before.instance
    : Sighting.toInstance(sighting, service, id)
  if (instance === undefined || before === undefined && isFull(cache)) return cache
  const entry: Entry = {
    instance: before !== undefined && Equal.equals(before.instance, instance) ? before.instance : instance,
    sighting,
    expires: now + sighting.ttl,
    asks: refreshes.map((part) => Math.round(now + sighting.ttl * (part + 0.02 * luck))),
    doubted: before?.doubted ?? -Infinity
  }
  const heard = withEntry(cache, service, id, entry)
  return withShelf(heard, service, { ...shelfOf(heard, service), answered: true })
}

/** The name of a service, from one of its instances: nobody announces the name itself, and nobody withdraws it. */
const hearName = (cache: Cache, sighting: Sighting.Sighting, now: number, luck: number): Cache => {
  if (Names.idOf(sighting.name, Names.listing) !== undefined) return cache
  const service = Sighting.serviceOf(sighting)
  if (service === undefined) return cache
  const entry = entryOf(cache, Names.listing, service)
  if (sighting.ttl === 0) return entry === undefined ? cache : doubtEntry(cache, entry, now)
  return entry === undefined ? hearOf(cache, Names.listing, service, { ...sighting, txt: "" }, now, luck) : cache
}

const isFull = (cache: Cache): boolean =>
  [...cache.shelves.values()].reduce((size, shelf) => size + HashMap.size(shelf.entries), 0) >= capacity

const leave = (cache: Cache, service: string, id: string, now: number): Cache => {
  const gone = new Map([...cache.gone].filter(([, until]) => until > now))
  if (gone.size < capacity) gone.set(`${id}.${service}`, now + goneFor)
  return { ...withEntry(cache, service, id, undefined), gone }
}

const doubtEntry = (cache: Cache, entry: Entry, now: number): Cache => {
  if (isOwn(entry) || now - entry.doubted < doubtful.spacing) return cache
  return withEntry(cache, entry.instance.service, entry.instance.id, {
    ...entry,
    expires: Math.min(entry.expires, now + doubtful.patience),
    asks: doubtful.asks.map((after) => now + after),
    doubted: now
  })
}
