import { setTimeout } from 'node:timers/promises'
import { changeSet, type Outcome } from '../../src/session/changes.ts'
import type { SessionError } from '../../src/session/errors.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { digest, mint } from '../../src/session/token.ts'
import { end, start } from '../../src/stores/suite/histories.ts'

/** A call that failed may have been done or not: it proves nothing, and is only counted. */
export interface Ledger {
  calls: number
  /** How often each code was the reason. */
  readonly failures: Map<string, number>
  /** When a call last failed, on the clock of `performance`. */
  failedAt: number
  /** Milliseconds of the longest call. */
  longest: number
  /** Keys whose write was acknowledged, by id. Nobody writes them again. */
  readonly written: Map<string, string[]>
  /** Ids whose creation was acknowledged, and which a delete did not find. */
  readonly vanished: string[]
  /** Ids whose delete was acknowledged. */
  readonly deleted: string[]
  /** Of those, who was met again. */
  readonly resurrected: Set<string>
  /** How often each text was delivered by a pop that was acknowledged. */
  readonly delivered: Map<string, number>
  /** Texts that were there to be popped. */
  readonly seen: Set<string>
  /** Texts whose write was answered 'conflict'. A text is written once. */
  readonly refused: Set<string>
  /** Answers that nothing explains. */
  readonly odd: string[]
}

export interface Load {
  readonly ledger: Ledger
  /** What no store may do, whatever happens to it. */
  violations(): Record<'resurrections' | 'doublePops' | 'refusedYetDone' | 'odd', string[]>
  /** Resolves when every session that stays has answered a read. They are spread at random, as all ids are. */
  everyoneAnswers(signal: AbortSignal): Promise<void>
  /** Ends the workers, each after its round. */
  stop(): Promise<void>
  /** Meets every session that was deleted. @returns what was acknowledged and is not there */
  audit(): Promise<string[]>
}

const now = start + 10_000
const blank = { entries: new Map<string, string>(), createdAt: start, expiresAt: end, policy: '' }
const setting = (key: string) => changeSet({ entries: new Map([[key, '1']]) })

/** Twelve workers: a third of them writes, a third pops, and a third signs in and out. */
export async function startLoad(store: KeyedStore): Promise<Load> {
  const ids = Array.from({ length: 60 }, () => digest(mint()))
  const [forWriting, forPopping] = [ids.slice(0, 30), ids.slice(30)]
  await Promise.all(ids.map((id) => store.create(id, blank)))

  const ledger: Ledger = {
    calls: 0,
    failures: new Map(),
    failedAt: 0,
    longest: 0,
    written: new Map(forWriting.map((id) => [id, []])),
    vanished: [],
    deleted: [],
    resurrected: new Set(),
    delivered: new Map(),
    seen: new Set(),
    refused: new Set(),
    odd: [],
  }

  /** What it answered, or undefined when it failed. */
  const attempt = async <T>(call: () => Promise<T>): Promise<T | undefined> => {
    const began = performance.now()
    ledger.calls++
    let answer: T | undefined
    try {
      answer = await call()
    } catch (error) {
      const { code } = error as SessionError
      ledger.failures.set(code, (ledger.failures.get(code) ?? 0) + 1)
      ledger.failedAt = performance.now()
    }
    ledger.longest = Math.max(ledger.longest, performance.now() - began)
    // A store that is down can fail at once, and would be asked without end.
    if (ledger.failedAt > began) await setTimeout(20)
    return answer
  }

  const judge = (what: string, outcome: Outcome | undefined, ...sound: Outcome[]): void => {
    if (outcome !== undefined && !sound.includes(outcome)) ledger.odd.push(`${what}: ${outcome}`)
  }

  const write = async (round: number): Promise<void> => {
    const id = forWriting[round % forWriting.length]!
    const key = `key${round}`
    const outcome = await attempt(() => store.commit(id, setting(key), now))
    if (outcome === 'committed') ledger.written.get(id)!.push(key)
    judge('write', outcome, 'committed')
  }

  const pop = async (round: number): Promise<void> => {
    // The same session for some rounds on end, so that workers meet.
    const id = forPopping[Math.floor(round / 24) % forPopping.length]!
    const session = await attempt(() => store.read(id, now))
    if (session === undefined) return
    if (session === null) return void ledger.odd.push('read: null')
    const text = session.entries.get('code') ?? null
    const next = text === null ? `"${round}"` : null
    const changes = changeSet({ expect: new Map([['code', text]]), entries: new Map([['code', next]]) })
    const outcome = await attempt(() => store.commit(id, changes, now))
    if (text !== null) ledger.seen.add(text)
    if (text !== null && outcome === 'committed') {
      ledger.delivered.set(text, (ledger.delivered.get(text) ?? 0) + 1)
    }
    if (next !== null && outcome === 'conflict') ledger.refused.add(next)
    judge('pop', outcome, 'committed', 'conflict')
  }

  const signInAndOut = async (): Promise<void> => {
    const id = digest(mint())
    if (!(await attempt(() => store.create(id, blank).then(() => true)))) return
    const last = await attempt(() => store.delete(id, now))
    if (last === null) ledger.vanished.push(id)
    if (last) ledger.deleted.push(id)
    const anyone = ledger.deleted[Math.floor(Math.random() * ledger.deleted.length)]
    if (anyone) await meet(anyone)
  }

  const meet = async (id: string): Promise<void> => {
    const read = await attempt(() => store.read(id, now))
    const outcome = await attempt(() => store.commit(id, setting('a'), now))
    if (read || (outcome && outcome !== 'gone')) ledger.resurrected.add(id)
  }

  let rounds = 0
  const stopping = new AbortController()
  const workers = [write, pop, signInAndOut].flatMap((trade) =>
    Array.from({ length: 4 }, async () => {
      while (!stopping.signal.aborted) {
        await trade(rounds++)
        // Leaves others some of the machine.
        await setTimeout(2)
      }
    }),
  )

  return {
    ledger,
    violations: () => ({
      resurrections: [...ledger.resurrected],
      doublePops: [...ledger.delivered].filter(([, times]) => times > 1).map(([text]) => text),
      refusedYetDone: [...ledger.refused].filter((text) => ledger.seen.has(text)),
      odd: ledger.odd,
    }),
    async everyoneAnswers(signal) {
      const answers = async (id: string): Promise<void> => {
        while (!(await attempt(() => store.read(id, now)))) signal.throwIfAborted()
      }
      await Promise.all(ids.map(answers))
    },
    async stop() {
      stopping.abort()
      await Promise.all(workers)
    },
    async audit() {
      const deleted = ledger.deleted.values()
      const lane = async (): Promise<void> => {
        for (const id of deleted) await meet(id)
      }
      await Promise.all(Array.from({ length: 8 }, lane))
      const lost = [...ledger.vanished]
      for (const [id, keys] of ledger.written) {
        const session = await store.read(id, now)
        lost.push(...keys.filter((key) => !session?.entries.has(key)))
      }
      return lost
    },
  }
}
