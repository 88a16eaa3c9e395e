/** The simulation of `bench/`, as far as a test has time: what the defaults bear, and others do not. */
import { assert, describe, it } from "@effect/vitest"
import * as Cell from "../bench/simulation/cell.ts"
import { contenders } from "../bench/simulation/contenders.ts"
import { workloads } from "../bench/simulation/workloads.ts"

const simulate = (workload: string, contender: string, clients: number, seconds = 10, seed = 101): Cell.Result =>
  Cell.run(
    workloads.find(({ name }) => name === workload)!,
    contenders.find(({ name }) => name === contender)!,
    clients,
    seed,
    seconds
  )

const p99 = ({ latencies }: Pick<Cell.Result, "latencies">): number =>
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

  /** Of all the seeds together: what servers do by chance moves the slowest calls of a single one. */
  const p99Of = (workload: string, contender: string): number =>
    p99({
      latencies: [101, 102].flatMap((seed) => simulate(workload, contender, 30, 20, seed).latencies)
    })

  it.each([
    ["homogeneous, 70 %", 1.3],
    ["homogeneous, 90 %", 1.3],
    ["one slow, 5 ×", 1.3],
    ["antagonists", 2.2]
  ])("thirty callers who ask wait little longer than for somebody who knows all: %s", (workload, times) => {
    const [guided, ideal] = [p99Of(workload, "guided"), p99Of(workload, "ideal")]
    assert.isAtMost(guided / ideal, times, `${guided} ms, and not ${ideal}`)
  })

  it("callers who ask lose few calls to one that hangs", () => {
    assert.isAtMost(simulate("black hole", "guided", 10, 20).failed, 3)
    assert.isAbove(simulate("black hole", "least loaded", 10, 20).failed, 20)
  })
})
