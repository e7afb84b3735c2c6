import { createRequire } from 'node:module'
import { setTimeout } from 'node:timers/promises'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openBackend } from '../../src/server/backends.ts'
import { reach } from '../../src/server/wait-for-store.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { digest, mint } from '../../src/session/token.ts'
import { guarded } from '../../src/stores/guarded.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { type RunningCluster, startCluster } from '../support/cluster.ts'
import { type Ledger, startLoad } from '../support/load.ts'
import { needs, skippedIf } from '../support/needs.ts'
import { runs } from '../support/runs.ts'

interface Opened {
  readonly store: KeyedStore
  close(): unknown
}

const clients: [string, (ports: readonly number[]) => Promise<Opened>][] = [
  [
    'ioredis, as the server opens it',
    async (ports) => {
      const hosts = ports.map((port) => `127.0.0.1:${port}`).join()
      const backend = await openBackend(`redis+cluster://${hosts}`, {})
      const store = backend.backing!
      await reach(backend, () => store.check!())
      return { store, close: () => backend.close!() }
    },
  ],
  [
    'redis',
    async (ports) => {
      const client = createCluster({
        rootNodes: ports.map((port) => ({ url: `redis://127.0.0.1:${port}` })),
        // Five seconds unless told otherwise. Until then a master that died is not replaced.
        topologyRefreshOnReconnectionAttemptStrategy: 500,
        defaults: {
          disableOfflineQueue: true,
          socket: { connectTimeout: 2000, reconnectStrategy: (attempt) => Math.min(50 * attempt, 500) },
        },
      })
      const store = redisStore(client)
      await client.connect()
      return { store, close: () => client.destroy() }
    },
  ],
]

const { version: redisVersion } = createRequire(import.meta.url)('redis/package.json') as { version: string }
/** Whether a client finds the master that takes over by itself, and soon. */
const findsNewMaster = (client: string): boolean =>
  client !== 'redis' || Number.parseInt(redisVersion, 10) > 5

const timeout = 2000
/** Milliseconds by which a call may miss its deadline, on a machine that does other things too. */
const grace = 250
/** Milliseconds from the death of a master, in which its replica takes over and the client finds it. */
const recovery = 15_000

describe('redisStore in a cluster', needs('ownRedis'), () => {
  let cluster: RunningCluster
  beforeAll(async () => {
    cluster = await startCluster()
  }, 60_000)
  afterAll(() => cluster.stop(), 60_000)

  describe.each(clients)('with %s', (name, open) => {
    const takesOver = skippedIf(
      !findsNewMaster(name),
      'redis 5 has no topologyRefreshOnReconnectionAttemptStrategy',
    )
    let opened: Opened
    beforeAll(async () => {
      opened = await open(cluster.nodes.map(({ port }) => port))
    })
    afterAll(() => opened.close())

    it('answers many at once from the first call on', async () => {
      const ids = Array.from({ length: 60 }, () => digest(mint()))
      const answers = await Promise.all(ids.map((id) => opened.store.read(id, 0)))
      expect(answers).toEqual(ids.map(() => null))
    })

    it.each(guarantees)('$id $title', ({ check }) => check(opened.store, { histories: runs(200, 20_000) }))

    const load = () => startLoad(guarded(opened.store, { timeout, inFlight: 1000 }))
    const none = { resurrections: [], doublePops: [], refusedYetDone: [], odd: [] }

    it('sends nothing twice when connections break', async () => {
      const { ledger, ...work } = await load()
      for (let cuts = 0; cuts < 40; cuts++) {
        await setTimeout(50)
        await cluster.disconnect()
      }
      await work.everyoneAnswers(AbortSignal.timeout(recovery))
      await work.stop()
      const lost = await work.audit()
      report({ ...count(ledger), lost: lost.length })
      expect(ledger.failures.size).toBeGreaterThan(0)
      expect(ledger.longest).toBeLessThan(timeout + grace)
      expect(work.violations()).toEqual(none)
      expect(lost).toEqual([])
    }, 60_000)

    it(
      'fails within bounds when a master is killed, works again without help, and keeps what is final',
      { ...takesOver, timeout: 60_000 },
      async () => {
        const { ledger, ...work } = await load()
        await setTimeout(1000)
        expect(ledger.failures).toEqual(new Map())
        const callsBefore = ledger.calls

        const [victim] = await cluster.masters()
        const killedAt = performance.now()
        const since = (instant: number) => Math.round(instant - killedAt)
        await victim!.kill()
        await cluster.settled()
        const settledAt = performance.now()
        await work.everyoneAnswers(AbortSignal.timeout(recovery))
        const answeredAt = performance.now()
        await setTimeout(2000)
        await work.stop()
        const lost = await work.audit()

        // It comes back with the sessions it had, and has to take over those of its former replica.
        await victim!.restart()
        await cluster.settled()
        await work.everyoneAnswers(AbortSignal.timeout(recovery))
        const lostAfterReturn = await work.audit()

        report({
          callsBefore,
          ...count(ledger),
          lost: lost.length,
          'cluster whole again, ms after the kill': since(settledAt),
          'every session answered, ms after the kill': since(answeredAt),
          'last failure, ms after the kill': since(ledger.failedAt),
        })
        expect(ledger.failures.size).toBeGreaterThan(0)
        expect(ledger.longest).toBeLessThan(timeout + grace)
        expect(ledger.failedAt, 'no failure after everyone answered').toBeLessThan(answeredAt)
        expect(work.violations()).toEqual(none)
        expect(lostAfterReturn).toEqual(lost)
      },
    )
  })
})

const count = (ledger: Ledger) => ({
  calls: ledger.calls,
  failures: Object.fromEntries(ledger.failures),
  'longest call, ms': Math.round(ledger.longest),
  'writes acknowledged': [...ledger.written.values()].flat().length,
  'deletes acknowledged': ledger.deleted.length,
  resurrections: ledger.resurrected.size,
  'pops acknowledged': ledger.delivered.size,
  'double pops': [...ledger.delivered.values()].filter((times) => times > 1).length,
  'conflicts met': ledger.refused.size,
  'refused, and yet done': [...ledger.refused].filter((text) => ledger.seen.has(text)).length,
})

function report(figures: object): void {
  // oxlint-disable-next-line eslint/no-console -- `npm run test:long` shows what Redis may lose
  console.info(expect.getState().currentTestName, figures)
}
