/**
 * What happens to a fleet while it is called. A call takes 10 ms on average, so a server does a hundred a second.
 */
import * as Effect from "effect/Effect"
import * as Luck from "./luck.ts"
import type { World } from "./world.ts"

export interface Workload {
  readonly name: string
  readonly servers: number
  /** Calls a second, by all clients together. */
  readonly rate: number
  /** What happens from then on. */
  readonly begin: (world: World) => void
  /** Which seconds are measured, where not all of them behind the first five. */
  readonly seconds?: readonly [from: number, until: number] | undefined
}

export const workloads: ReadonlyArray<Workload> = [
  { name: "homogeneous, 70 %", servers: 10, rate: 700, begin: () => {} },
  { name: "homogeneous, 90 %", servers: 10, rate: 900, begin: () => {} },
  {
    name: "one slow, 5 ×",
    servers: 10,
    rate: 0.7 * 920,
    begin: (world) => {
      world.listed()[3]!.speed = 1 / 5
    }
  },
  {
    name: "antagonists",
    servers: 10,
    rate: 0.7 * 850,
    begin: (world) => {
      for (const server of world.listed()) antagonize(world, server)
    }
  },
  {
    name: "black hole",
    servers: 10,
    rate: 600,
    begin: ({ listed, time }) => {
      const server = listed()[3]!
      time.in(6000, () => void (server.mood = "hangs"))
      time.in(36_000, () => void (server.mood = "works"))
    }
  },
  {
    name: "fast failing",
    servers: 10,
    rate: 600,
    begin: ({ listed, time }) => {
      const server = listed()[3]!
      time.in(6000, () => void (server.mood = "fails"))
      time.in(36_000, () => void (server.mood = "works"))
    }
  },
  {
    name: "registry flaps",
    servers: 10,
    rate: 600,
    begin: ({ list, time }) => {
      const tell = (deed: Effect.Effect<void>) => Effect.runForkWith(time.context)(deed)
      time.in(6000, () => {
        const all = Effect.runSync(list.get)
        tell(list.update(() => all.slice(0, 3)))
        time.in(10_000, () => tell(list.update(() => all)))
      })
    }
  },
  { name: "kill -9 churn", servers: 10, rate: 600, begin: (world) => churn(world) },
  {
    name: "cold node",
    servers: 5,
    rate: 0.75 * 500,
    begin: (world) => void world.time.in(10_000, () => warm(world, world.start(), 10_000)),
    seconds: [10, 20]
  }
]

// ---------------------------------------------------------------------------------------------------------------------

/** Is slowed down four times for a second, after four seconds, on average. */
const antagonize = (world: World, server: { speed: number }): void => {
  world.time.in(Luck.exponential(4000, world.draw), () => {
    server.speed = 1 / 4
    world.time.in(Luck.exponential(1000, world.draw), () => {
      server.speed = 1
      antagonize(world, server)
    })
  })
}

/** Every four seconds one dies; a second later the registry knows, and a second later there is another one, which is cold. */
const churn = (world: World): void => {
  world.time.in(4000, () => {
    const alive = world.listed().filter(({ isAlive }) => isAlive)
    const victim = alive[Math.floor(world.draw() * alive.length)]!
    victim.kill()
    world.time.in(1000, () => world.strike(victim))
    world.time.in(2000, () => warm(world, world.start(), 3000))
    churn(world)
  })
}

/** Begins with a tenth of its speed. */
const warm = ({ time }: World, server: { speed: number }, millis: number): void => {
  const start = time.now()
  const rise = () => {
    server.speed = Math.min(1, Math.max(0.1, (time.now() - start) / millis))
    if (server.speed < 1) time.in(100, rise)
  }
  rise()
}
