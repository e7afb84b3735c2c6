// This puts a store under load while servers fail, and records what the store may not do.

import { setTimeout } from 'node:timers/promises'
import { changeSet, type Outcome } from '../../src/session/changes.ts'
import type { SessionError } from '../../src/session/errors.ts'
import type { KeyedStore } from '../../src/session/store.ts'
import { digest, mint } from '../../src/session/token.ts'
import { end, start } from '../../src/stores/suite/histories.ts'
import { recordOf } from './record-of.ts'

/**
 * What the store answered. A call that failed may have been carried out or not, so that it is only counted,
 * and nothing is concluded from it.
 */
export interface Ledger {
  calls: number
  /** How many calls failed, by the code of the error. */
  readonly failures: Map<string, number>
  /** When a call last failed, in milliseconds of `performance.now()`. */
  failedAt: number
  /** How long the longest call took, in milliseconds. */
  longest: number
  /** Keys whose write was acknowledged, by id. Each key is written once. */
  readonly written: Map<string, string[]>
  /** Ids whose creation was acknowledged, and that a delete did not find. */
  readonly vanished: string[]
  /** Ids whose delete was acknowledged. */
  readonly deleted: string[]
  /** The deleted ids that a later call found again. */
  readonly resurrected: Set<string>
  /** How often each text was delivered, by pops that were acknowledged. */
  readonly delivered: Map<string, number>
  /** Texts that a read found, and that could thus be popped. */
  readonly seen: Set<string>
  /** Texts whose write was answered 'conflict'. Each text is written once. */
  readonly refused: Set<string>
  /** Answers that the contract of a store does not allow, with the call that got them. */
  readonly odd: string[]
}

export interface Load {
  readonly ledger: Ledger
  /** What the ledger shows that no store may do, whichever failure it suffers. */
  violations(): Record<'resurrections' | 'doublePops' | 'refusedYetDone' | 'odd', string[]>
  /**
   * Resolves when a read has found each of the sessions that are not deleted. Their ids are random, so that
   * they lie on every node of a cluster.
   */
  everyoneAnswers(signal: AbortSignal): Promise<void>
  /** Ends each worker after its present round. */
  stop(): Promise<void>
  /**
   * Looks for every deleted session (for `violations`) and every written key.
   * @returns the keys and ids that were acknowledged and are lost
   */
  audit(): Promise<string[]>
}

const now = start + 10_000
const blank = { entries: new Map<string, string>(), createdAt: start, expiresAt: end, policy: '' }
const setting = (key: string) => changeSet({ entries: new Map([[key, '1']]) })

/** Starts twelve workers over one store: four write, four pop, and four create and delete sessions. */
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

  /** Counts a call. @returns its answer, or `undefined` if it failed */
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
    // A store that is down can fail at once, and the workers would call it in a tight loop.
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
    // 24 rounds in a row take the same session, so that workers compete for it.
    const id = forPopping[Math.floor(round / 24) % forPopping.length]!
    const session = await attempt(() => store.read(id, now))
    if (session === undefined) return
    if (session === null) return void ledger.odd.push('read: null')
    const text = recordOf(session)?.entries.get('code') ?? null
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
        // The pause leaves the servers under test, on the same machine, time to run.
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
        const session = recordOf(await store.read(id, now))
        lost.push(...keys.filter((key) => !session?.entries.has(key)))
      }
      return lost
    },
  }
}
