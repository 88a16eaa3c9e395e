import { assert, it } from "@effect/vitest"
import * as Names from "../../src/internal/mdns/names.ts"

it("forms names as Go Micro does, and takes them apart", () => {
  assert.strictEqual(Names.ofInstance("orders-1", "go.orders", "micro"), "orders-1.go.orders.micro")
  assert.strictEqual(Names.within("orders-1.go.orders.micro", "micro"), "orders-1.go.orders")
  assert.strictEqual(Names.idOf("orders-1.go.orders", "go.orders"), "orders-1")
})

it("takes a name apart at dots only", () => {
  assert.isUndefined(Names.within("orders.notmicro", "micro"))
  assert.isUndefined(Names.within("micro", "micro"))
  assert.isUndefined(Names.idOf("my-orders", "orders"))
  assert.isUndefined(Names.idOf(".orders", "orders"))
  assert.isUndefined(Names.idOf("orders", "orders"))
})

it("counts bytes, not letters", () => {
  assert.isUndefined(Names.problemOf("é".repeat(31)))
  assert.include(Names.problemOf("é".repeat(32)), "label of 64 bytes")
})

it("allows 255 bytes and no more", () => {
  const labels = [63, 63, 63].map((length) => "x".repeat(length))
  assert.isUndefined(Names.problemOf([...labels, "x".repeat(61)].join(".")))
  assert.include(Names.problemOf([...labels, "x".repeat(62)].join(".")), "256 bytes")
})
