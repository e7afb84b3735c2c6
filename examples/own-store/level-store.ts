import type { ClassicLevel } from 'classic-level'
import { apply, type KeyedStore, markRecord, seen, type SessionRecord } from 'graphql-session'

type Row = Omit<SessionRecord, 'entries'> & { readonly entries: readonly [string, string][] }

const sweptAtOnce = 100

/** Sessions in LevelDB, for one process: it locks the folder. `db` is closed by whoever opened it. */
export function levelStore(db: ClassicLevel): KeyedStore {
  const rows = db.sublevel<string, Row>('session', { valueEncoding: 'json' })
  const deadlines = db.sublevel('deadline')
  const inTurn = turns()
  // A batch is written as a whole or not at all, so that the deadlines never differ from the rows.
  const put = (id: string, record: SessionRecord) =>
    db
      .batch()
      .put(id, toRow(record), { sublevel: rows })
      .put(dated(id, record.expiresAt), '', { sublevel: deadlines })
  const replace = async (id: string, before: SessionRecord, after: SessionRecord) => {
    const batch = put(id, after)
    const hasMoved = after.expiresAt !== before.expiresAt
    if (hasMoved) batch.del(dated(id, before.expiresAt), { sublevel: deadlines })
    await batch.write({ sync: true })
  }
  const drop = (id: string, expiresAt: number) =>
    db.batch().del(id, { sublevel: rows }).del(dated(id, expiresAt), { sublevel: deadlines })

  return {
    create: (id, record) =>
      inTurn(id, async () => {
        const row = await rows.get(id)
        if (toRecord(row, record.createdAt)) throw new Error('There is a session under this id already.')
        const batch = put(id, record)
        if (row) batch.del(dated(id, row.expiresAt), { sublevel: deadlines })
        await batch.write({ sync: true })
      }),
    read: async (id, now) => seen(toRecord(await rows.get(id), now)),
    commit: (id, changes, now) =>
      inTurn(id, async () => {
        const before = toRecord(await rows.get(id), now)
        const { outcome, record: after } = apply(before, changes)
        if (outcome !== 'committed') return outcome
        await replace(id, before!, after!)
        return outcome
      }),
    delete: (id, now, mark) =>
      inTurn(id, async () => {
        const row = await rows.get(id)
        const last = seen(toRecord(row, now))
        if (typeof last === 'string') return last
        if (last && mark) await replace(id, last, markRecord(mark))
        else if (row) await drop(id, row.expiresAt).write({ sync: true })
        return last
      }),
    async sweep(now) {
      const due = await deadlines.keys({ lt: dated('', now + 1), limit: sweptAtOnce }).all()
      const swept = due.map((key) => {
        const [expiresAt, id] = key.split(' ') as [string, string]
        return inTurn(id, async () => {
          // Gone if the session got another deadline meanwhile, or was deleted.
          if (!(await deadlines.has(key))) return 0
          // Without `sync`: what a power loss brings back is expired, and swept again.
          await drop(id, Number(expiresAt)).write()
          return 1
        })
      })
      return (await Promise.all(swept)).reduce<number>((sum, count) => sum + count, 0)
    },
  }
}

const toRow = (record: SessionRecord): Row => ({ ...record, entries: [...record.entries] })

const toRecord = (row: Row | undefined, now: number): SessionRecord | null =>
  row && row.expiresAt > now ? { ...row, entries: new Map(row.entries) } : null

/** Padded, so that deadlines sort as numbers do, and a sweep finds what is due at the front. */
const dated = (id: string, expiresAt: number): string => `${String(expiresAt).padStart(16, '0')} ${id}`

/** Does what is asked for one id one after the other. Different ids do not wait for each other. */
function turns() {
  const last = new Map<string, Promise<void>>()
  return <T>(id: string, task: () => Promise<T>): Promise<T> => {
    const turn = (last.get(id) ?? Promise.resolve()).then(task)
    const leave = (): void => void (last.get(id) === over && last.delete(id))
    const over = turn.then(leave, leave)
    last.set(id, over)
    return turn
  }
}
