import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Cluster } from 'ioredis'
import { createPool, type Pool } from 'mysql2/promise'
import { afterAll, beforeAll, describe, it } from 'vitest'
import type { KeyedStore } from '../../src/session/store.ts'
import { mysqlSchema, mysqlStore } from '../../src/stores/mysql.ts'
import { redisStore } from '../../src/stores/redis.ts'
import { type RunningCluster, startCluster } from '../support/cluster.ts'
import { needsInCI } from '../support/needs.ts'
import { judged, type Races } from '../support/owner-races.ts'
import { runs } from '../support/runs.ts'
import { type RunningServer, startMariadb } from '../support/servers.ts'
import { StoreProcess } from '../support/store-process.ts'

/** Seconds that both of a long run may take together, 20 minutes. */
const seconds = 600

const races: (Races & { title: string })[] = [
  { title: 'beside each other', operations: runs(2000, 70_000) },
  { title: 'while clients die between their steps', operations: runs(1000, 35_000), crash: 0.02 },
]

describe('what is ended stays ended', () => {
  describe('in a SQLite file that three processes share', () => {
    const folder = mkdtempSync(join(tmpdir(), 'graphql-session-races-'))
    const processes: StoreProcess[] = []
    beforeAll(async () => {
      const module = fileURLToPath(import.meta.resolve('../support/sqlite-process.ts'))
      const file = join(folder, 'sessions.db')
      // The first one makes the file.
      processes.push(await StoreProcess.start(module, file))
      processes.push(
        ...(await Promise.all([StoreProcess.start(module, file), StoreProcess.start(module, file)])),
      )
    })
    afterAll(async () => {
      await Promise.all(processes.map((each) => each.stop()))
      rmSync(folder, { recursive: true })
    })

    it.each(races)('$title', ({ title, ...given }) =>
      judged(`SQLite, three processes, ${title}`, inTurns(processes), { ...given, seconds }),
    )
  })

  describe('in a Redis Cluster', needsInCI('a cluster takes seconds, and is tried in CI', 'ownRedis'), () => {
    let cluster: RunningCluster
    let client: Cluster
    beforeAll(async () => {
      cluster = await startCluster()
      client = new Cluster(cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port })))
    }, 60_000)
    afterAll(async () => {
      client.disconnect()
      await cluster.stop()
    }, 60_000)

    it.each(races)('$title', ({ title, ...given }) =>
      judged(`Redis Cluster, ${title}`, redisStore(client), { ...given, seconds }),
    )
  })

  describe(
    'in MySQL, through three pools',
    needsInCI('MariaDB takes seconds to start, and is tried in CI', 'ownMariadb'),
    () => {
      let server: RunningServer
      const pools: Pool[] = []
      beforeAll(async () => {
        server = await startMariadb()
        pools.push(...[1, 2, 3].map(() => createPool(server.url)))
        await pools[0]!.query(mysqlSchema())
      }, 60_000)
      afterAll(async () => {
        await Promise.all(pools.map((pool) => pool.end()))
        await server.stop()
      }, 60_000)

      it.each(races)('$title', ({ title, ...given }) => {
        const stores = pools.map((pool) => mysqlStore(pool))
        return judged(`MySQL, three pools, ${title}`, inTurns(stores), { ...given, seconds })
      })
    },
  )
})

/** One store of several, which are called one after the other. */
function inTurns(stores: readonly KeyedStore[]): KeyedStore {
  let turn = 0
  const next = (): KeyedStore => stores[turn++ % stores.length]!
  return {
    create: (...given) => next().create(...given),
    read: (...given) => next().read(...given),
    commit: (...given) => next().commit(...given),
    delete: (...given) => next().delete(...given),
  }
}
