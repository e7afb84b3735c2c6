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
export const torments = ({ fleet, proxy, store }: Victims): Record<string, () => Promise<void>> => ({
  ...(proxy && network(proxy)),
  async 'kill -9 of a server'() {
    const server = fleet.any()
    await server.nextRequest()
    await server.end('SIGKILL')
    await server.start()
  },
  async 'a frozen server'() {
    const server = fleet.any()
    await server.nextRequest()
    server.freeze()
    await setTimeout(lasts)
    server.thaw()
  },
  ...(store && {
    async 'kill -9 of the store'() {
      await fleet.any().nextRequest()
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
    for (let time = 0; time < 8; time++) {
      proxy.strike(blow)
      await setTimeout(breath / 4)
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

/** Round after round, a whole one at least. Answers with how often each fault came. */
export async function torment(victims: Victims, isOver: () => boolean): Promise<Record<string, number>> {
  const times: Record<string, number> = {}
  for (let round = 1; round === 1 || !isOver(); round++) {
    for (const [name, befall] of Object.entries(torments(victims))) {
      if (round > 1 && isOver()) break
      await befall()
      times[name] = round
      await setTimeout(breath)
    }
  }
  return times
}
