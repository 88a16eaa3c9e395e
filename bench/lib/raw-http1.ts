/**
 * What Node can do over plain HTTP/1.1: its own server, and undici's pool for a client.
 */
import * as http from "node:http"
import type * as net from "node:net"
import { Pool } from "undici"
import * as Loops from "./loops.ts"
import type { Message } from "./workload.ts"

/** Answers on a free port of the loopback interface. */
export const serve = (): Promise<string> =>
  new Promise((resolve) => {
    const server = http.createServer((request, response) => {
      const chunks: Array<Buffer> = []
      request.on("data", (chunk: Buffer) => chunks.push(chunk))
      request.on("end", () => {
        const body = JSON.stringify(JSON.parse(Buffer.concat(chunks).toString()))
        response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(body) })
        response.end(body)
      })
    })
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`))
  })

/** More connections make it slower again. */
const connections = 64

/** Calls the server of that origin. */
export const connect = (origin: string) => {
  const pool = new Pool(origin, { connections, pipelining: 1 })
  const echo = async (body: Message): Promise<Message> => {
    const response = await pool.request({
      method: "POST",
      path: "/",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    return await response.body.json() as Message
  }
  return Promise.resolve(Loops.client({ echo }))
}
