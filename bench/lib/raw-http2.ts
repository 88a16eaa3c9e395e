/**
 * What Node can do over HTTP/2 in the clear: one session, one stream a call, nothing of gRPC.
 */
import * as http2 from "node:http2"
import type * as net from "node:net"
import * as Loops from "./loops.ts"
import type { Message } from "./workload.ts"

/** Answers on a free port of the loopback interface. */
export const serve = (): Promise<string> =>
  new Promise((resolve) => {
    const server = http2.createServer()
    server.on("stream", (stream: http2.ServerHttp2Stream) => {
      const chunks: Array<Buffer> = []
      stream.on("data", (chunk: Buffer) => chunks.push(chunk))
      stream.on("end", () => {
        stream.respond({ ":status": 200, "content-type": "application/json" })
        stream.end(JSON.stringify(JSON.parse(Buffer.concat(chunks).toString())))
      })
    })
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`))
  })

/** Calls the server of that origin. */
export const connect = (origin: string) => {
  const session = http2.connect(origin)
  const echo = (body: Message): Promise<Message> =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":method": "POST", ":path": "/echo/echo", "content-type": "application/json" })
      const chunks: Array<Buffer> = []
      stream.on("data", (chunk: Buffer) => chunks.push(chunk))
      stream.on("end", () => resolve(JSON.parse(Buffer.concat(chunks).toString()) as Message))
      stream.on("error", reject)
      stream.end(JSON.stringify(body))
    })
  return Promise.resolve(Loops.client({ echo }))
}
