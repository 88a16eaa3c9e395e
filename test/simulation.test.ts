/** The simulation of `bench/`, as far as a test has time: what the defaults bear, and others do not. */
import { assert, describe, it } from "@effect/vitest"
import * as Cell from "../bench/simulation/cell.ts"
import { contenders } from "../bench/simulation/contenders.ts"
import { workloads } from "../bench/simulation/workloads.ts"

const simulate = (workload: string, contender: string, clients: number, seconds = 10): Cell.Result =>
  Cell.run(
    workloads.find(({ name }) => name === workload)!,
    contenders.find(({ name }) => name === contender)!,
    clients,
    101,
    seconds
  )

const p99 = ({ latencies }: Cell.Result): number =>
  latencies.toSorted((a, b) => a - b)[Math.floor(latencies.length * 0.99)]!

describe("in the simulation", { timeout: 60_000 }, () => {
  it("the same seed is the same history", () => {
    const [one, other] = [simulate("antagonists", "default", 3, 3), simulate("antagonists", "default", 3, 3)]
    assert.isAbove(one.latencies.length, 1000)
    assert.deepStrictEqual(one, other)
  })

  it.each(["black hole", "fast failing", "registry flaps"])("no call fails by the defaults: %s", (workload) => {
    assert.isAbove(simulate(workload, "peak EWMA", 10).failed, 0)
    assert.strictEqual(simulate(workload, "default", 10).failed, 0)
  })

  it("no call fails by the defaults while servers die", () => {
    assert.strictEqual(simulate("kill -9 churn", "default", 10, 20).failed, 0)
  })

  it.each([70, 90])("a fleet that is well and %i percent busy is left as it is", (busy) => {
    const healthy = simulate(`homogeneous, ${busy} %`, "default", 1, 20)
    assert.strictEqual(healthy.failed, 0)
    assert.isBelow(p99(healthy), 400)
  })

  it("a slow server takes less, and its callers wait no longer than a few times the others", () => {
    assert.isBelow(p99(simulate("one slow, 5 ×", "default", 30)), 300)
    assert.isAbove(p99(simulate("one slow, 5 ×", "random", 30)), 900)
  })
})
