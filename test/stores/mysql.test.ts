import { createPool as createCallbackPool } from 'mysql2'
import { createConnection, createPool, type Pool, type PoolOptions } from 'mysql2/promise'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { openSession } from '../../src/index.ts'
import { changeSet } from '../../src/session/changes.ts'
import type { SessionRecord } from '../../src/session/record.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { digest, mint } from '../../src/session/token.ts'
import { type MysqlPool, mysqlSchema, mysqlStore } from '../../src/stores/mysql.ts'
import { guarantees } from '../../src/stores/suite/suite.ts'
import { sweepExpired } from '../../src/stores/sweeping.ts'
import { FaultyProxy } from '../faults/proxy.ts'
import { needs } from '../support/needs.ts'
import { recordOf } from '../support/record-of.ts'
import { runs } from '../support/runs.ts'
import { type RunningServer, startMariadb } from '../support/servers.ts'

const histories = runs(200, 20_000)

const setting = (key: string, text: string) => changeSet({ entries: new Map([[key, text]]) })

describe('mysqlStore', needs('ownMariadb'), () => {
  let server: RunningServer
  /** Of root, to set things up. */
  let pool: Pool
  const pools: Pool[] = []
  const open = (options: PoolOptions = {}): Pool => {
    const opened = createPool({ uri: server.url, ...options })
    pools.push(opened)
    return opened
  }
  /** A store with a table of its own. */
  const storeIn = async (table: string, from: MysqlPool = pool, queryTimeout = 3000): Promise<KeyedStore> => {
    await pool.query(mysqlSchema(table))
    return mysqlStore(from, { table, queryTimeout })
  }
  const created = async (store: KeyedStore, expiresAt = Date.now() + 600_000): Promise<string> => {
    const id = digest(mint())
    const entries = new Map([['a', '0']])
    await store.create(id, { entries, createdAt: Date.now() - 1_200_000, expiresAt, policy: '' })
    return id
  }
  const rowsOf = async (table: string): Promise<unknown[]> =>
    (await pool.query(`SELECT * FROM ${table} ORDER BY id`))[0] as unknown[]

  beforeAll(async () => {
    server = await startMariadb(['log-bin', 'sync-binlog=1'])
    pool = open()
  }, 60_000)
  afterAll(async () => {
    await Promise.all(pools.map((each) => each.end()))
    await server.stop()
  })

  describe('with mysql2/promise, and a process whose pool is set up otherwise', () => {
    let store: KeyedStore
    let peer: KeyedStore
    let other: ReturnType<typeof createCallbackPool>
    beforeAll(async () => {
      store = await storeIn('suite')
      other = createCallbackPool({
        uri: server.url,
        charset: 'latin1',
        flags: ['-FOUND_ROWS'],
        supportBigNumbers: true,
        bigNumberStrings: true,
        nestTables: true,
        namedPlaceholders: true,
        typeCast: () => 'cast',
      })
      other.on('connection', (connection) => {
        connection.query(
          `SET SESSION sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH', time_zone = '+05:45'`,
        )
        connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED')
      })
      peer = mysqlStore(other, { table: 'suite' })
    })
    afterAll(() => other.promise().end())
    it.each(guarantees)('$id $title', ({ check }) => check(store, { histories, peer }))
  })

  describe('where somebody comes between the two steps of a change', () => {
    /** The pool, where something happens once a statement has been answered, the first one of those that match. */
    const interrupted = (statement: RegExp, what: () => Promise<unknown>): MysqlPool => {
      let hasHappened = false
      return {
        async getConnection() {
          const connection = await pool.getConnection()
          return {
            async execute(given) {
              const answer = await connection.execute({ ...given })
              if (!hasHappened && statement.test(given.sql)) {
                hasHappened = true
                await what()
              }
              return answer
            },
            beginTransaction: () => connection.beginTransaction(),
            commit: () => connection.commit(),
            release: () => connection.release(),
            destroy: () => connection.destroy(),
          }
        },
      }
    }
    let store: KeyedStore
    beforeAll(async () => {
      store = await storeIn('between')
    })
    const beside = (statement: RegExp, what: () => Promise<unknown>): KeyedStore =>
      mysqlStore(interrupted(statement, what), { table: 'between' })
    const now = Date.now() + 60_000

    it('a commit keeps what the other one wrote', async () => {
      const id = await created(store)
      const met = beside(/^SELECT/, () => store.commit(id, setting('b', '1'), now))
      expect(await met.commit(id, setting('c', '2'), now)).toBe('committed')
      expect([...recordOf(await store.read(id, now))!.entries.keys()]).toEqual(['a', 'b', 'c'])
    })

    it('a commit judges what the other one left', async () => {
      const id = await created(store)
      const met = beside(/^SELECT/, () => store.commit(id, setting('a', '1'), now))
      expect(await met.commit(id, changeSet({ expect: new Map([['a', '0']]) }), now)).toBe('conflict')
    })

    it('a commit does not bring a session back', async () => {
      const id = await created(store)
      const met = beside(/^SELECT/, () => store.delete(id, now))
      expect(await met.commit(id, setting('a', '1'), now)).toBe('gone')
      expect(await store.read(id, now)).toBeNull()
    })

    it('a commit leaves what was created under the id meanwhile', async () => {
      const id = await created(store)
      const record: SessionRecord = { entries: new Map(), createdAt: now, expiresAt: now + 1000, policy: '' }
      const met = beside(/^SELECT/, async () => {
        await store.delete(id, now)
        await store.create(id, record)
      })
      expect(await met.commit(id, setting('b', '1'), now)).toBe('committed')
      expect([...recordOf(await store.read(id, now))!.entries.keys()]).toEqual(['b'])
    })

    it('a delete hands back what the other one wrote', async () => {
      const id = await created(store)
      const met = beside(/^SELECT/, () => store.commit(id, setting('a', '1'), now))
      expect(recordOf(await met.delete(id, now))!.entries).toEqual(new Map([['a', '1']]))
      expect(await store.read(id, now)).toBeNull()
    })

    it('a delete that another one came before gets the mark', async () => {
      const id = await created(store)
      const met = beside(/^SELECT/, () => store.delete(id, now, { as: 'ended', until: now + 1000 }))
      expect(await met.delete(id, now)).toBe('ended')
    })

    it('nobody comes between them again', async () => {
      const id = await created(store)
      const order: string[] = []
      const later = async (): Promise<void> => {
        await store.commit(id, setting('later', '1'), now)
        order.push('later')
      }
      let waiting: Promise<void> | undefined
      const first = interrupted(/^SELECT/, () => store.commit(id, setting('before', '1'), now))
      const met: MysqlPool = {
        async getConnection() {
          const connection = await first.getConnection()
          return {
            ...connection,
            async execute(given) {
              const answer = await connection.execute(given)
              if (given.sql.endsWith('FOR UPDATE')) waiting = later()
              return answer
            },
          }
        },
      }
      await mysqlStore(met, { table: 'between' }).commit(id, setting('c', '1'), now)
      order.push('met')
      await waiting
      expect(order).toEqual(['met', 'later'])
      expect([...recordOf(await store.read(id, now))!.entries.keys()]).toEqual(['a', 'before', 'c', 'later'])
    })

    it('a create takes the place of what was swept before it could be replaced', async () => {
      const [, id] = [await created(store, now + 300), await created(store, now + 300)]
      const record: SessionRecord = {
        entries: new Map(),
        createdAt: now + 300,
        expiresAt: now + 9000,
        policy: '',
      }
      const met: MysqlPool = {
        async getConnection() {
          const connection = await pool.getConnection()
          return {
            execute: async (given) => {
              try {
                return await connection.execute({ ...given })
              } catch (error) {
                await sweepExpired(store, { clock: () => now + 300 })
                throw error
              }
            },
            beginTransaction: () => connection.beginTransaction(),
            commit: () => connection.commit(),
            release: () => connection.release(),
            destroy: () => connection.destroy(),
          }
        },
      }
      await mysqlStore(met, { table: 'between' }).create(id, record)
      expect(await store.read(id, now)).toEqual(record)
    })

    it('a sweep goes on where another one has swept the same', async () => {
      await storeIn('sweeps')
      const store = mysqlStore(pool, { table: 'sweeps' })
      await Promise.all(Array.from({ length: 150 }, () => created(store, now + 1000)))
      const at = now + 1000
      const met = mysqlStore(
        interrupted(/^SELECT id/, () => store.sweep!(at)),
        { table: 'sweeps' },
      )
      expect(await met.sweep!(at)).toBe(50)
    })
  })

  it('keeps all that 64 at a time write into one session, in two processes', async () => {
    const store = await storeIn('hot')
    const other = mysqlStore(open(), { table: 'hot' })
    const id = await created(store)
    const commits = Array.from({ length: 64 }, (_, index) =>
      (index % 2 ? store : other).commit(id, setting(`k${index}`, '1'), Date.now()),
    )
    expect(new Set(await Promise.all(commits))).toEqual(new Set(['committed']))
    expect(recordOf(await store.read(id, Date.now()))!.entries.size).toBe(65)
  })

  it('tries again what the server has undone to end a deadlock', async () => {
    const single = open({ connectionLimit: 1 })
    const store = await storeIn('deadlock', single, 20_000)
    const id = await created(store)
    const [row] = (await rowsOf('deadlock')) as { expires_at: number }[]
    const [connection] = await single.query('SELECT connection_id()')
    const other = await createConnection(server.url)
    await other.query('CREATE TABLE weight (n int) ENGINE = InnoDB')
    await other.beginTransaction()
    // The server undoes the lighter one of two.
    await other.query('INSERT INTO weight VALUES (1), (2), (3), (4), (5), (6), (7), (8)')
    // This locks the entry of the index, and not yet the row.
    const entry = 'SELECT expires_at FROM deadlock FORCE INDEX (expires_at) WHERE expires_at = ?'
    await other.query(`${entry} LOCK IN SHARE MODE`, [row!.expires_at])
    const committed = store.commit(id, changeSet({ expiresAt: Date.now() + 900_000 }), Date.now())
    const counted = async (sql: string) => Number(Object.values((await pool.query(sql))[0] as object[]).map((each) => Object.values(each).at(-1))) // prettier-ignore
    const waiting = `SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'`
    // That table stays as it is while it is read more often than that.
    await expect.poll(() => counted(waiting), { interval: 110, timeout: 10_000 }).toBe(1)
    await other.query('UPDATE deadlock SET version = 1 WHERE id = ?', [id])
    await other.commit()
    expect(await committed).toBe('committed')
    expect(await counted(`SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'`)).toBe(1)
    expect((await single.query('SELECT connection_id()'))[0]).toEqual(connection)
    await other.end()
  })

  describe('a server that does not answer', () => {
    const patiently = { timeout: 10_000 }

    it('is an error in time, and costs the pool nothing', async () => {
      await using proxy = await FaultyProxy.to(server.port)
      const small = open({ port: proxy.port, connectionLimit: 1 })
      const id = await created(await storeIn('silent'))
      const store = mysqlStore(small, { table: 'silent', queryTimeout: 300 })
      await expect.poll(() => store.read(id, 0).catch(String), patiently).toMatchObject({ policy: '' })
      proxy.switchTo('pause')
      const began = performance.now()
      const answers = await Promise.allSettled([store.read(id, 0), store.read(id, 0)])
      expect(performance.now() - began).toBeLessThan(2500)
      const late = { status: 'rejected', reason: expect.objectContaining({ code: 'ETIMEDOUT' }) }
      expect(answers).toEqual([late, late])
      proxy.switchTo('none')
      await expect.poll(() => store.read(id, 0).catch(String), patiently).toMatchObject({ policy: '' })
    })

    it('does not get what was given up while it waited for a connection', async () => {
      const small = open({ connectionLimit: 1 })
      const id = await created(await storeIn('waiting'))
      const [hasty, store] = [100, 3000].map((queryTimeout) =>
        mysqlStore(small, { table: 'waiting', queryTimeout }),
      )
      const held = await small.getConnection()
      const commit = hasty!.commit(id, setting('a', '1'), Date.now())
      await expect(commit).rejects.toMatchObject({ code: 'ETIMEDOUT' })
      held.release()
      expect(recordOf(await store!.read(id, Date.now()))!.entries).toEqual(new Map([['a', '0']]))
    })

    it('leaves no lock behind where a change was given up', async () => {
      // With connections of its own, which are in no transaction of the pool.
      const store = await storeIn('given_up', open(), 5000)
      const id = await created(store)
      const slow: MysqlPool = {
        async getConnection() {
          const connection = await pool.getConnection()
          return {
            async execute(given) {
              const answer = await connection.execute({ ...given })
              if (given.sql.endsWith('FOR UPDATE')) await Promise.withResolvers<never>().promise
              if (given.sql.startsWith('SELECT')) await store.commit(id, setting('b', '1'), Date.now())
              return answer
            },
            beginTransaction: () => connection.beginTransaction(),
            commit: () => connection.commit(),
            release: () => connection.release(),
            destroy: () => connection.destroy(),
          }
        },
      }
      const given = mysqlStore(slow, { table: 'given_up', queryTimeout: 700 })
      await expect(given.commit(id, setting('a', '1'), Date.now())).rejects.toMatchObject({
        code: 'ETIMEDOUT',
      })
      expect(await store.commit(id, setting('c', '1'), Date.now())).toBe('committed')
      expect([...recordOf(await store.read(id, Date.now()))!.entries]).toEqual([['a', '0'], ['b', '1'], ['c', '1']]) // prettier-ignore
    })
  })

  describe('in a process whose clock is behind', () => {
    const behind = () => Date.now() - 1_200_000
    const skew = {
      code: 'SESSION_STORE_UNAVAILABLE',
      cause: { code: 'CLOCK_SKEW', message: 'The clock of MySQL is past the deadline of the session.' },
    }
    let store: KeyedStore
    beforeAll(async () => {
      store = await storeIn('clocks')
    })
    const session = (token: string | null, clock: () => number) =>
      openSession<{ a: number; b: number }>(store, token, { idleTimeout: 600, clock })
    type Opened = ReturnType<typeof session>
    const born = async (): Promise<string> => {
      const opened = session(null, Date.now)
      opened.set('a', 1)
      await opened.save()
      return opened.token!
    }
    /** Lets the sessions be over for whoever is right about the time, but not for the process. */
    const age = () => pool.query('UPDATE clocks SET expires_at = ?', [Date.now() - 1000])

    it.each<[string, isAged: boolean, (opened: Opened) => unknown]>([
      ['setExpiry in seconds', false, (opened) => opened.setExpiry(300)],
      ['setExpiry to an instant', false, (opened) => opened.setExpiry(new Date(behind() + 5000))],
      ['set', true, (opened) => opened.set('b', 2)],
      ['rotate', true, (opened) => opened.rotate()],
    ])('%s is refused where nobody else would find the session', async (_, isAged, change) => {
      const token = await born()
      if (isAged) await age()
      const before = await rowsOf('clocks')
      const opened = session(token, behind)
      await expect(
        (async () => {
          await change(opened)
          await opened.save()
        })(),
      ).rejects.toMatchObject(skew)
      expect(await rowsOf('clocks')).toEqual(before)
    })

    it('a session is not said to be created that nobody else would find', async () => {
      const before = await rowsOf('clocks')
      const opened = session(null, behind)
      opened.set('a', 1)
      await expect(opened.save()).rejects.toMatchObject(skew)
      expect(await rowsOf('clocks')).toEqual(before)
    })

    it('a session is cleared and written where its deadline stays, ended, and given a deadline that is over', async () => {
      const token = await born()
      const opened = session(token, behind)
      opened.clear()
      opened.set('b', 2)
      await opened.save()
      expect(await session(token, Date.now).get('b')).toBe(2)
      const [ended, over] = [await created(store), await created(store)]
      await age()
      const mark = { as: 'ended', until: behind() + 60_000 } as const
      expect(recordOf(await store.delete(ended, behind(), mark))).not.toBeNull()
      expect(await store.read(ended, behind())).toBe('ended')
      expect(await store.commit(over, changeSet({ expiresAt: behind() }), behind())).toBe('committed')
    })
  })

  describe('its check', () => {
    /** What it warns of after a statement, which each connection begins with where it is about the session. */
    const warnings = async (statement: string, table = 'checked'): Promise<readonly string[]> => {
      await pool.query(mysqlSchema('checked'))
      const set = open()
      if (statement.startsWith('SET SESSION')) {
        set.on('connection', (connection) => void connection.query(statement))
      } else await pool.query(statement)
      return mysqlStore(set, { table }).check!()
    }

    it('has nothing to say of a server as it should be', async () => {
      expect(await warnings('DO 1')).toEqual([])
      expect(await warnings('DO 1', 'test.checked')).toEqual([])
    })

    it.each([
      ['SET GLOBAL read_only = ON', /stores no session: it is read only.* by read_only\. Name the primary/, 'SET GLOBAL read_only = OFF'],
      ['SET SESSION TRANSACTION READ ONLY', /stores no session: .* by tx_read_only/],
      ['SET GLOBAL innodb_flush_log_at_trx_commit = 2', /innodb_flush_log_at_trx_commit is 2\. Set it to 1/, 'SET GLOBAL innodb_flush_log_at_trx_commit = 1'],
      ['SET GLOBAL sync_binlog = 0', /sync_binlog is 0\. Set it to 1/, 'SET GLOBAL sync_binlog = 1'],
      ['SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED', /isolation is READ-UNCOMMITTED/],
      ['SET GLOBAL max_allowed_packet = 65536', /takes no session of more than 65536 bytes: .*\. Set it to 1048576 or more/, 'SET GLOBAL max_allowed_packet = 16777216'],
      ['ALTER TABLE checked ENGINE = Aria', /table checked when it crashes: its engine is Aria\. ALTER TABLE checked ENGINE = InnoDB/, 'ALTER TABLE checked ENGINE = InnoDB'],
      ['ALTER TABLE checked MODIFY id varchar(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci', /the collation of checked\.id is utf8mb4_general_ci/, 'DROP TABLE checked'],
    ])('warns after %s', async (statement, expected, undo = 'DO 1') => {
      try {
        expect(await warnings(statement)).toEqual([expect.stringMatching(expected)])
      } finally {
        await pool.query(undo)
      }
    }) // prettier-ignore

    it('refuses a server that keeps nothing, and one without the table', async () => {
      await expect(warnings('SET SESSION autocommit = OFF')).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('autocommit is off'),
      })
      for (const table of ['absent', 'absent.checked']) {
        await expect(warnings('DO 1', table)).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
          message: expect.stringMatching(
            /^MySQL has no table absent(?:\.checked)?\. Run "graphql-session migrate"/,
          ),
        })
      }
    })

    it('tells of a clock that is far from ours', async () => {
      await warnings('DO 1')
      vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - 3_600_000 })
      try {
        expect(await mysqlStore(pool, { table: 'checked' }).check!()).toEqual([
          expect.stringMatching(/^The clock of MySQL is 3[56]\d\d s ahead of the clock of this process/),
        ])
      } finally {
        vi.useRealTimers()
      }
    })
  })
})

it.each([
  { table: 'a b' },
  { table: 'a`b' },
  { table: 'A' },
  { table: '' },
  { table: 1 },
  { queryTimeout: 0 },
  { queryTimeout: '1' },
  { tabel: 'x' },
])('mysqlStore refuses %o at start', (options) => {
  const pool = { getConnection: () => Promise.reject(new Error('There is no server.')) }
  expect(() => mysqlStore(pool, options as never)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})
