/**
 * Programs of this folder as processes of their own.
 */
import * as NodeChildProcessSpawner from "@effect/platform-node/NodeChildProcessSpawner"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Layer from "effect/Layer"
import * as ChildProcess from "effect/process/ChildProcess"
import { fileURLToPath } from "node:url"

/** A program of this folder, in an mDNS domain. Run as an effect, it is a process until the scope closes. */
export const program = (name: string, domain: string): ChildProcess.Command =>
  ChildProcess.make(
    process.execPath,
    ["--import", new URL("withParent.ts", import.meta.url).href, file(name)],
    { env: { MICRO_DOMAIN: domain }, extendEnv: true, stderr: "inherit", forceKillAfter: "5 seconds" }
  )

/** What starts processes. */
export const Processes = NodeChildProcessSpawner.layer.pipe(
  Layer.provide([NodeFileSystem.layer, NodePath.layer])
)

// ---------------------------------------------------------------------------------------------------------------------

const file = (name: string): string => fileURLToPath(new URL(`../${name}.ts`, import.meta.url))
