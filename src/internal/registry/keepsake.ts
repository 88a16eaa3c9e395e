/**
 * The last list of each name, with the time when it was known to be good: in memory, and in files where there is a folder.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"

/** The last lists of names. */
export interface Keepsake<A> {
  readonly keep: (name: string, list: ReadonlyArray<A>) => Effect.Effect<void>
  /** The last list, unless it is too old. */
  readonly recall: (name: string) => Effect.Effect<ReadonlyArray<A> | undefined>
}

/** Where lists are kept and for how long. */
export interface Options<A> {
  readonly item: Schema.Codec<A, unknown>
  /** Milliseconds. */
  readonly maxAge: number
  /** Memory is enough where there is none. */
  readonly store: KeyValueStore.KeyValueStore | undefined
  /** What the names of files begin with. */
  readonly prefix: string
}

/** Names whose lists are kept; the one that was told of least recently makes room. */
const capacity = 1024

/** Keeps the last lists of names. */
export const make = <A>({ item, maxAge, prefix, store }: Options<A>): Keepsake<A> => {
  const known = new Map<string, Kept<A>>()
  const json = Schema.fromJsonString(Schema.Struct({ at: Schema.Number, list: Schema.Array(item) }))
  const encode = Schema.encodeEffect(json)
  const decode = Schema.decodeUnknownEffect(json)
  const read = (name: string) =>
    store === undefined ? Effect.undefined : store.get(prefix + name).pipe(
      Effect.flatMap((text) => text === undefined ? Effect.undefined : decode(text)),
      Effect.catch((error) => Effect.as(Effect.logWarning(`What was kept of ${name} cannot be read`, error), undefined))
    )
  const write = (name: string, kept: Kept<A>) =>
    store === undefined ? Effect.void : encode(kept).pipe(
      Effect.flatMap((text) => store.set(prefix + name, text)),
      Effect.catch((error) => Effect.logWarning(`The list of ${name} cannot be kept on disk`, error))
    )
  return {
    keep: Effect.fnUntraced(function*(name, list) {
      const kept: Kept<A> = { at: yield* Clock.currentTimeMillis, list }
      known.delete(name)
      known.set(name, kept)
      const [oldest] = known.keys()
      if (known.size > capacity && oldest !== undefined) {
        known.delete(oldest)
        if (store !== undefined) yield* Effect.ignore(store.remove(prefix + oldest))
      }
      yield* write(name, kept)
    }),
    recall: Effect.fnUntraced(function*(name) {
      const kept = known.get(name) ?? (yield* read(name))
      if (kept === undefined) return undefined
      // A clock that was set back makes nothing older.
      return (yield* Clock.currentTimeMillis) - kept.at > maxAge ? undefined : kept.list
    })
  }
}

/** Files in a folder, which is made where it is missing. */
export const folder = Effect.fnUntraced(function*(
  name: string
): Effect.fn.Return<KeyValueStore.KeyValueStore, unknown, Scope.Scope> {
  const [stores, files, paths] = yield* Effect.promise(() =>
    Promise.all([
      import("effect/persistence/KeyValueStore"),
      import("@effect/platform-node/NodeFileSystem"),
      import("@effect/platform-node/NodePath")
    ])
  )
  const layer = stores.layerFileSystem(name).pipe(Layer.provide([files.layer, paths.layer]))
  return yield* Effect.provide(stores.KeyValueStore, yield* Layer.build(layer))
})

// ---------------------------------------------------------------------------------------------------------------------

interface Kept<A> {
  /** Milliseconds of the calendar, which a process that is started later shares. */
  readonly at: number
  readonly list: ReadonlyArray<A>
}
