import { availableParallelism } from "node:os"
import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What none of them needs: to find what hangs, on a machine that others use as well.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Most tests wait for other processes most of the time: where there are but two cores, one worker leaves both idle.
    maxWorkers: Math.max(2, availableParallelism() - 1)
  }
})
