import { setTimeout } from 'node:timers/promises'
import type { Fleet } from './fleet.ts'
import type { FaultyProxy } from './proxy.ts'

export interface Victims {
  readonly fleet: Fleet
  /** Where the store is reached over a network. */
  readonly proxy: FaultyProxy | null
  /** The store itself, where it is a process. */
  readonly store: { kill(): Promise<void>; restart(): Promise<void> } | null
}

/** Milliseconds of a fault that lasts: more than the servers' deadline, so that calls are given up. */
const lasts = 900
const breath = 400

/** Each fault once, by its name, with time to recover after it. */
export const torments = (
  { fleet, proxy, store }: Victims,
  over: Promise<unknown>,
): Record<string, () => Promise<void>> => ({
  ...(proxy && network(proxy)),
  async 'kill -9 of a server'() {
    const server = fleet.any()
    await Promise.race([server.asked, over])
    await server.end('SIGKILL')
    await server.start()
  },
  async 'a frozen server'() {
    const server = fleet.any()
    await Promise.race([server.asked, over])
    server.freeze()
    await setTimeout(lasts)
    server.thaw()
  },
  ...(store && {
    async 'kill -9 of the store'() {
      await Promise.race([fleet.any().asked, over])
      await store.kill()
      await setTimeout(breath)
      await store.restart()
    },
  }),
})

const network = (proxy: FaultyProxy): Record<string, () => Promise<void>> => {
  const during = (state: 'pause' | 'delay' | 'drip' | 'deaf') => async (): Promise<void> => {
    proxy.switchTo(state)
    await setTimeout(lasts)
    proxy.switchTo('none')
  }
  const repeated = (blow: 'cut' | 'reset' | 'garbage') => async (): Promise<void> => {
    for (let time = 0; time < 3; time++) {
      proxy.strike(blow)
      await setTimeout(breath / 2)
    }
  }
  return {
    pause: during('pause'),
    delay: during('delay'),
    drip: during('drip'),
    deaf: during('deaf'),
    cut: repeated('cut'),
    reset: repeated('reset'),
    garbage: repeated('garbage'),
  }
}

/** Round after round until it is over, which is not before the first one. Answers with how often each fault came. */
export async function torment(
  victims: Victims,
  over: Promise<unknown>,
  onRound: () => void,
): Promise<Record<string, number>> {
  const times: Record<string, number> = {}
  let isOver = false
  const end = over.finally(() => (isOver = true))
  for (;;) {
    for (const [name, befall] of Object.entries(torments(victims, end))) {
      if (isOver) return times
      await befall()
      times[name] = (times[name] ?? 0) + 1
      await setTimeout(breath)
    }
    onRound()
  }
}
