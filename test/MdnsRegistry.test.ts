import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as MdnsRegistry from "../src/Layers/MdnsRegistry.ts"
import { Registry } from "../src/Registry.ts"
import { registrySuite } from "./suites/registry.ts"

/** A domain of its own for each registry: tests run beside each other, on one network. */
const isolated = Layer.effect(
  Registry,
  Effect.suspend(() => MdnsRegistry.make({ domain: `test-${crypto.randomUUID()}`, port: 25_353 }))
)

registrySuite("MdnsRegistry", isolated)
