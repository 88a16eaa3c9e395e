/** The messages that codecs are measured with. */
import * as Schema from "effect/Schema"

export const Small = Schema.Struct({ id: Schema.Number, name: Schema.String })

export const small: typeof Small.Type = { id: 7, name: "pencil" }

const Address = Schema.Struct({
  name: Schema.String,
  street: Schema.String,
  number: Schema.Int,
  zip: Schema.String,
  city: Schema.String,
  country: Schema.String,
  latitude: Schema.Number,
  longitude: Schema.Number
})

const Line = Schema.Struct({
  sku: Schema.String,
  title: Schema.String,
  count: Schema.Int,
  price: Schema.Number,
  discount: Schema.Number,
  gift: Schema.Boolean
})

/** An order of 50 fields of text, numbers and flags, two levels deep. */
export const Large = Schema.Struct({
  id: Schema.String,
  number: Schema.Int,
  state: Schema.Literals(["open", "paid", "sent"]),
  customer: Schema.String,
  email: Schema.String,
  phone: Schema.optionalKey(Schema.String),
  language: Schema.String,
  currency: Schema.String,
  total: Schema.Number,
  tax: Schema.Number,
  shipping: Schema.Number,
  weight: Schema.Number,
  express: Schema.Boolean,
  insured: Schema.Boolean,
  business: Schema.Boolean,
  note: Schema.NullOr(Schema.String),
  billing: Address,
  delivery: Address,
  lines: Schema.Array(Line)
})

const address = (name: string): typeof Address.Type => ({
  name,
  street: "Long Street",
  number: 17,
  zip: "12345",
  city: "Springfield",
  country: "CH",
  latitude: 46.9481,
  longitude: 7.4474
})

export const large: typeof Large.Type = {
  id: "0f8fad5b-d9cb-469f-a165-70867728950e",
  number: 20481,
  state: "paid",
  customer: "c-1048576",
  email: "ada@example.com",
  phone: "+41 31 000 00 00",
  language: "en",
  currency: "CHF",
  total: 148.35,
  tax: 10.61,
  shipping: 7.9,
  weight: 1.25,
  express: false,
  insured: true,
  business: false,
  note: null,
  billing: address("Ada Lovelace"),
  delivery: address("Charles Babbage"),
  lines: [
    { sku: "pencil-2b", title: "A soft pencil", count: 12, price: 1.2, discount: 0.1, gift: false },
    { sku: "paper-a4", title: "A ream of paper", count: 2, price: 8.5, discount: 0, gift: false },
    { sku: "eraser", title: "An eraser", count: 1, price: 0.9, discount: 0, gift: true }
  ]
}
