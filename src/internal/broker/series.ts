/**
 * Events of one publishing, whose ids differ in their places alone.
 *
 * Few ever look at an id. So it is put together for who asks, and on a wire a series may have its name once.
 */
import type { Message } from "../../Message.ts"

/** An event of a series. */
export class Numbered implements Message {
  readonly series: string
  readonly place: number
  readonly headers: Message["headers"]
  readonly body: Uint8Array

  constructor(series: string, place: number, headers: Message["headers"], body: Uint8Array) {
    this.series = series
    this.place = place
    this.headers = headers
    this.body = body
  }

  get id(): string {
    return this.place === 0 ? this.series : `${this.series}-${this.place}`
  }
}

/** The series of an event; any other message is the first of its own. */
export const nameOf = (message: Message): string => message instanceof Numbered ? message.series : message.id

/** The place of an event in its series. */
export const placeOf = (message: Message): number => message instanceof Numbered ? message.place : 0

/** Whether an event follows another one in their series, and has the same headers. */
export const follows = (message: Message, last: Message): boolean =>
  message instanceof Numbered && last instanceof Numbered && message.headers === last.headers
  && message.series === last.series && message.place === last.place + 1
