/**
 * Fastify with its JSON schemas on, called by undici.
 */
import Fastify from "fastify"
import { Pool } from "undici"
import * as Loops from "../lib/loops.ts"
import type { Bytes, Message, Text } from "../lib/workload.ts"

/** The largest workload is over the library's own limit. */
const bodyLimit = 64 * 1024 * 1024

const object = (field: string) => ({
  type: "object",
  required: ["id", field],
  properties: { id: { type: "number" }, [field]: { type: "string" } }
})

/** Answers on a free port of the loopback interface. */
export const serve = (): Promise<string> => {
  const app = Fastify({ bodyLimit })
  app.addContentTypeParser(
    "application/octet-stream",
    { parseAs: "buffer" },
    (_request, body, done) => done(null, body)
  )
  for (const field of ["name", "text"]) {
    const schema = { body: object(field), response: { 200: object(field) } }
    app.post(`/${field}`, { schema }, async ({ body }) => body)
  }
  app.post("/bytes", async ({ body }) => body)
  return app.listen({ port: 0, host: "127.0.0.1" })
}

/** More connections make it slower again. */
const connections = 64

/** Calls the server of that origin. */
export const connect = (origin: string) => {
  const pool = new Pool(origin, { connections, pipelining: 1 })
  const json = (path: string) => async <A>(body: A): Promise<A> => {
    const response = await pool.request({
      method: "POST",
      path,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    return await response.body.json() as A
  }
  const echo = json("/name")
  const text = json("/text")
  return Promise.resolve(Loops.client({
    echo: (body: Message) => echo(body),
    text: (body: Text) => text(body),
    bytes: async ({ bytes, id }: Bytes) => {
      const response = await pool.request({
        method: "POST",
        path: "/bytes",
        headers: { "content-type": "application/octet-stream" },
        body: bytes
      })
      return { id, bytes: await response.body.bytes() }
    }
  }))
}
