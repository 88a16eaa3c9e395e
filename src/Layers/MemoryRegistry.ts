/**
 * Who is running in this process.
 *
 * The registry of tests and of programs that keep all their services in one process. Nothing leaves the process, and a
 * list is known at once.
 */
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Directory from "../internal/registry/directory.ts"
import { Registry } from "../Registry.ts"

/** A registry that is empty until somebody registers with it. */
export const make: Effect.Effect<Registry["Service"]> = Directory.make([])

/**
 * A registry in the memory of one process.
 *
 * **Gotchas**
 *
 * Who shares the layer shares the registry: a second build of it knows nobody of the first.
 */
export const layer: Layer.Layer<Registry> = Layer.effect(Registry, make)

/** A registry in the memory of one process. */
export const MemoryRegistryLive: Layer.Layer<Registry> = layer
