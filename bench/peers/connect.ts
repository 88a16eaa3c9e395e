/**
 * Connect over HTTP/2 in the clear: its own protocol, protocol buffers, compression off.
 */
import { create, createFileRegistry, type DescService } from "@bufbuild/protobuf"
import {
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  FileDescriptorProtoSchema
} from "@bufbuild/protobuf/wkt"
import { type Client, createClient } from "@connectrpc/connect"
import { connectNodeAdapter, createConnectTransport } from "@connectrpc/connect-node"
import * as http2 from "node:http2"
import type * as net from "node:net"
import * as Loops from "../lib/loops.ts"
import { type Bytes, type Message, message, type Text } from "../lib/workload.ts"

const field = (name: string, number: number, type: Type) => ({
  name,
  number,
  type,
  label: Label.OPTIONAL,
  jsonName: name
})

const method = (name: string, input: string, output: string, streams: "none" | "server" | "both" = "none") => ({
  name,
  inputType: `.echo.${input}`,
  outputType: `.echo.${output}`,
  clientStreaming: streams === "both",
  serverStreaming: streams !== "none"
})

// What `protoc` would make of a file, for the sake of one program less.
const file = create(FileDescriptorProtoSchema, {
  name: "echo.proto",
  package: "echo",
  syntax: "proto3",
  messageType: [
    { name: "Message", field: [field("id", 1, Type.UINT32), field("name", 2, Type.STRING)] },
    { name: "Text", field: [field("id", 1, Type.UINT32), field("text", 2, Type.STRING)] },
    { name: "Bytes", field: [field("id", 1, Type.UINT32), field("bytes", 2, Type.BYTES)] },
    { name: "Range", field: [field("length", 1, Type.UINT32)] }
  ],
  service: [{
    name: "Echo",
    method: [
      method("Echo", "Message", "Message"),
      method("Text", "Text", "Text"),
      method("Bytes", "Bytes", "Bytes"),
      method("Range", "Range", "Message", "server"),
      method("Pong", "Message", "Message", "both")
    ]
  }]
})

const Echo = createFileRegistry(file, () => undefined).getService("echo.Echo")!

/** The largest workload is over the library's own limits. */
const limits = { readMaxBytes: 64 * 1024 * 1024, writeMaxBytes: 64 * 1024 * 1024, acceptCompression: [] }

/** Answers on a free port of the loopback interface. */
export const serve = (): Promise<string> =>
  new Promise((resolve) => {
    const answer = (body: object) => body
    const server = http2.createServer(connectNodeAdapter({
      ...limits,
      routes: (router) =>
        router.service(Echo, {
          echo: answer,
          text: answer,
          bytes: answer,
          async *range({ length }: { readonly length: number }) {
            for (let n = 0; n < length; n++) yield message(n)
          },
          async *pong(messages: AsyncIterable<Message>) {
            for await (const { id, name } of messages) yield { id, name }
          }
        } as object)
    }))
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${(server.address() as net.AddressInfo).port}`))
  })

/** Calls the server of that origin. */
export const connect = (baseUrl: string) => {
  const echo = createClient(
    Echo,
    createConnectTransport({ ...limits, baseUrl, httpVersion: "2" })
  ) as Client<DescService> as unknown as Calls
  return Promise.resolve(Loops.client({
    echo: (body) => echo.echo(body),
    text: (body) => echo.text(body),
    bytes: (body) => echo.bytes(body),
    range: async (length, received) => {
      for await (const _ of echo.range({ length })) received(1)
    },
    pong: (answered) => {
      const messages = feed<Message>()
      void (async () => {
        for await (const _ of echo.pong(messages.all())) answered()
      })()
      return messages.send
    }
  }))
}

// ---------------------------------------------------------------------------------------------------------------------

/** The client of a service that was described at run time. */
interface Calls {
  readonly echo: (body: Message) => Promise<Message>
  readonly text: (body: Text) => Promise<Text>
  readonly bytes: (body: Bytes) => Promise<Bytes>
  readonly range: (body: { readonly length: number }) => AsyncIterable<Message>
  readonly pong: (messages: AsyncIterable<Message>) => AsyncIterable<Message>
}

/** What is sent one by one, as something to iterate over. */
const feed = <A>() => {
  const waiting: Array<A> = []
  let wake = () => {}
  return {
    send: (body: A) => {
      waiting.push(body)
      wake()
    },
    async *all() {
      while (true) {
        while (waiting.length > 0) yield waiting.shift()!
        await new Promise<void>((resolve) => void (wake = resolve))
      }
    }
  }
}
