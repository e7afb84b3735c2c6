import { createPool, type Pool } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { changeSet } from '../../src/session/changes.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { digest, mint } from '../../src/session/token.ts'
import { mysqlSchema, mysqlStore } from '../../src/stores/mysql.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { startGalera } from '../support/galera.ts'
import { needsInCI } from '../support/needs.ts'
import { recordOf } from '../support/record-of.ts'
import { runs } from '../support/runs.ts'
import type { RunningServer } from '../support/servers.ts'

describe(
  'two nodes of a Galera cluster that both take writes',
  needsInCI('a cluster of MariaDB takes many seconds to start, and is tried in CI', 'galera'),
  () => {
    let nodes: readonly RunningServer[] = []
    const pools: Pool[] = []
    const open = (node: RunningServer, statement: string): Pool => {
      const pool = createPool(node.url)
      pool.on('connection', (connection) => void connection.query(statement))
      pools.push(pool)
      return pool
    }
    let stores: KeyedStore[]

    beforeAll(async () => {
      nodes = await startGalera()
      const opened = nodes.map((node) => open(node, 'SET SESSION wsrep_sync_wait = 1'))
      await opened[0]!.query(mysqlSchema())
      stores = opened.map((pool) => mysqlStore(pool))
    }, 60_000)
    afterAll(async () => {
      await Promise.all(pools.map((pool) => pool.end()))
      for (const node of nodes.toReversed()) await node.stop()
    }, 60_000)

    it.each(guarantees)('$id $title', ({ check }) =>
      check(stores[0]!, { histories: runs(30, 3000), peer: stores[1]! }),
    )

    it('keep all that 64 at a time write into one session', async () => {
      const id = digest(mint())
      const expiresAt = Date.now() + 60_000
      await stores[0]!.create(id, { entries: new Map(), createdAt: 0, expiresAt, policy: '' })
      const commits = Array.from({ length: 64 }, (_, index) =>
        stores[index % 2]!.commit(id, changeSet({ entries: new Map([[`k${index}`, '1']]) }), 0),
      )
      expect(new Set(await Promise.all(commits))).toEqual(new Set(['committed']))
      expect(recordOf(await stores[1]!.read(id, 0))!.entries.size).toBe(64)
    })

    it('are told of where a node may answer what is old', async () => {
      expect(await stores[1]!.check!()).toEqual([])
      expect(await mysqlStore(open(nodes[1]!, 'SET SESSION wsrep_sync_wait = 6')).check!()).toEqual([
        expect.stringMatching(/answers what is old .*: wsrep_sync_wait is 6\. Set it to 1/),
      ])
    })
  },
)
