/**
 * NestJS microservices over TCP, with its own JSON; bytes as base64, for it has nothing else. No bidirectional calls.
 */
import { Controller, Module } from "@nestjs/common"
import { NestFactory } from "@nestjs/core"
import { ClientProxyFactory, MessagePattern, type MicroserviceOptions, Transport } from "@nestjs/microservices"
import { firstValueFrom, map, range } from "rxjs"
import * as Loops from "../lib/loops.ts"
import { type Message, message, type Text } from "../lib/workload.ts"
import * as Base64 from "./base64.ts"
import * as Port from "./port.ts"

class Echo {
  echo(body: Message) {
    return body
  }

  text(body: Text) {
    return body
  }

  bytes(body: Base64.Text) {
    return Base64.to(Base64.from(body))
  }

  range({ length }: { readonly length: number }) {
    return range(0, length).pipe(map(message))
  }
}

class EchoModule {
  readonly name = "echo"
}

// As decorators do, whose syntax is not erasable.
Controller()(Echo)
for (const name of ["echo", "text", "bytes", "range"] as const) {
  MessagePattern(name)(Echo.prototype, name, Object.getOwnPropertyDescriptor(Echo.prototype, name)!)
}
Module({ controllers: [Echo] })(EchoModule)

const host = "127.0.0.1"

/** Answers on a free port of the loopback interface. */
export const serve = async (): Promise<string> => {
  const port = await Port.free()
  const app = await NestFactory.createMicroservice<MicroserviceOptions>(EchoModule, {
    transport: Transport.TCP,
    options: { host, port },
    logger: false
  })
  await app.listen()
  return String(port)
}

/** Calls the server of that port. */
export const connect = async (port: string) => {
  const client = ClientProxyFactory.create({ transport: Transport.TCP, options: { host, port: Number(port) } })
  await client.connect()
  return Loops.client({
    echo: (body) => firstValueFrom(client.send<Message>("echo", body)),
    text: (body) => firstValueFrom(client.send<Text>("text", body)),
    bytes: async (body) => Base64.from(await firstValueFrom(client.send<Base64.Text>("bytes", Base64.to(body)))),
    range: (length, received) =>
      new Promise((resolve, reject) => {
        client.send<Message>("range", { length }).subscribe({
          next: () => received(1),
          complete: resolve,
          error: reject
        })
      })
  })
}
