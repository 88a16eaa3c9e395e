/**
 * Moleculer within one process: its broker calls the action.
 */
import { ServiceBroker } from "moleculer"
import * as Loops from "../lib/loops.ts"
import { echo } from "./moleculer.ts"

/** Nobody answers there. */
export const serve = (): Promise<string> => Promise.resolve("here")

/** Both halves. */
export const connect = async () => {
  const broker = new ServiceBroker({ logger: false })
  broker.createService(echo)
  await broker.start()
  return Loops.client({ echo: Loops.inTurns((body) => broker.call("echo.echo", body)) })
}
