/**
 * Moleculer over TCP, with its own JSON and the parameters checked; bytes as base64. The nodes are named by their
 * addresses, for it finds them by UDP otherwise.
 */
import { type Context, ServiceBroker, type ServiceSchema } from "moleculer"
import { PassThrough, Readable } from "node:stream"
import * as Loops from "../lib/loops.ts"
import { type Message, message, type Text } from "../lib/workload.ts"
import * as Base64 from "./base64.ts"
import * as Port from "./port.ts"

/** What is called. */
export const echo: ServiceSchema = {
  name: "echo",
  actions: {
    echo: {
      params: { id: "number", name: "string" },
      handler: ({ params }: Context<Message>) => params
    },
    text: {
      params: { id: "number", text: "string" },
      handler: ({ params }: Context<Text>) => params
    },
    bytes: {
      params: { id: "number", bytes: "string" },
      handler: ({ params }: Context<Base64.Text>) => Base64.to(Base64.from(params))
    },
    range: {
      params: { length: "number" },
      handler: ({ params }: Context<{ readonly length: number }>) =>
        Readable.from(Array.from({ length: params.length }, (_, n) => message(n)))
    },
    pong: {
      handler: ({ stream }: Context) => (stream as Readable).pipe(new PassThrough({ objectMode: true }))
    }
  }
}

/** Answers on a free port; the address names the client's port, too. */
export const serve = async (): Promise<string> => {
  const address = `${await Port.free()},${await Port.free()}`
  const broker = brokerOf("server", address)
  broker.createService(echo)
  await broker.start()
  return address
}

/** Calls the node of that address, once it was heard of. */
export const connect = async (address: string) => {
  const broker = brokerOf("client", address)
  await broker.start()
  await broker.waitForServices("echo", undefined, 50)
  return Loops.client({
    echo: (body) => broker.call("echo.echo", body),
    text: (body) => broker.call("echo.text", body),
    bytes: async (body) => Base64.from(await broker.call("echo.bytes", Base64.to(body))),
    range: async (length, received) => {
      const stream = await broker.call<Readable, { readonly length: number }>("echo.range", { length })
      await new Promise((resolve, reject) => {
        stream.on("data", () => received(1))
        stream.on("end", resolve)
        stream.on("error", reject)
      })
    },
    pong: (answered) => {
      const messages = new PassThrough({ objectMode: true })
      void broker.call<Readable, object>("echo.pong", {}, { stream: messages }).then((stream) =>
        stream.on("data", answered)
      )
      return (body) => void messages.write(body)
    }
  })
}

// ---------------------------------------------------------------------------------------------------------------------

/** The largest workload is over the library's own limit. */
const maxPacketSize = 64 * 1024 * 1024

const brokerOf = (nodeID: string, address: string) => {
  const [server, client] = address.split(",")
  const urls = `127.0.0.1:${server}/server,127.0.0.1:${client}/client`
  return new ServiceBroker({
    nodeID,
    logger: false,
    transporter: { type: "TCP", options: { udpDiscovery: false, gossipPeriod: 1, maxPacketSize, urls } }
  })
}
