/**
 * gRPC's own library for Node, with JSON for its messages as everybody here has.
 */
import * as Grpc from "@grpc/grpc-js"
import type { Client } from "./contender.ts"
import { type Message, message } from "./workload.ts"

const write = (message: Message): Buffer => Buffer.from(JSON.stringify(message))
const read = (bytes: Buffer): Message => JSON.parse(bytes.toString()) as Message

const path = "/echo.Echo/echo"

/** Answers on a free port of the loopback interface. */
export const serve = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const server = new Grpc.Server()
    const echo = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: write,
      requestDeserialize: read,
      responseSerialize: write,
      responseDeserialize: read
    }
    const answer: Grpc.handleUnaryCall<Message, Message> = ({ request }, reply) => reply(null, request)
    server.addService({ echo }, { echo: answer })
    server.bindAsync("127.0.0.1:0", Grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(`127.0.0.1:${port}`)
      else reject(error)
    })
  })

/** Calls the server of that address. */
export const connect = (address: string): Promise<Client> => {
  const client = new Grpc.Client(address, Grpc.credentials.createInsecure())
  const echo = (body: Message): Promise<Message> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, write, read, body, (error, reply) => {
        if (error === null) resolve(reply!)
        else reject(error)
      })
    })
  return Promise.resolve({
    once: () => echo(message(1)),
    drive: (workload, meter) => {
      const loop = async () => {
        let at = performance.now()
        for (let n = 0; !meter.stopped(); n++) {
          await echo(message(n))
          at = meter.answered(at)
        }
      }
      return Promise.all(Array.from({ length: workload.callers }, loop))
    }
  })
}
