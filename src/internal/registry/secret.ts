/** What a server wants to know of who asks: said once, or in a file that somebody else replaces. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Fs from "node:fs/promises"
import type { RegistryError } from "../../Registry.ts"
import { unavailable } from "./api.ts"

/** Itself, or the file that has it. */
export type Secret = Redacted.Redacted | { readonly file: string }

/** The secret as it is now. Files are small and local: they are read whenever somebody wants to know. */
export const read = (registry: string, secret: Secret): Effect.Effect<string, RegistryError> =>
  Redacted.isRedacted(secret) ? Effect.succeed(Redacted.value(secret)) : Effect.tryPromise({
    try: () => Fs.readFile(secret.file, "utf8"),
    catch: (cause) => unavailable(registry, `its file ${secret.file} cannot be read`, cause)
  }).pipe(Effect.map((text) => text.trim()))
