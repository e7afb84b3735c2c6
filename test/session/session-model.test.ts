import assert from 'node:assert/strict'
import fc from 'fast-check'
import { it } from 'vitest'
import { openSession, type OpenSession } from '../../src/server/open-session.ts'
import { sessionCookie } from '../../src/session/cookie.ts'
import type { Json } from '../../src/session/value.ts'
import { freshSessionStore } from '../support/fresh-store.ts'
import { runs } from '../support/runs.ts'

/**
 * What a request would see in a plain Map, and what outlives it. A Map lists its keys in the order in which they
 * were first set, and so does a session, whatever is saved at which time.
 */
interface Model {
  /** Null: no session is stored. Only the texts count until it is saved, not their order. */
  stored: Map<string, Json> | null
  /** What the request sees: what is stored, changed by what it has recorded. */
  seen: Map<string, Json>
  cleared: boolean
}

interface Real {
  session: OpenSession
  reopen(): void
}

const forget = (model: Model): void => {
  model.cleared = false
  model.seen = new Map(model.stored)
}

const save = (model: Model): void => {
  // A session is only begun for something to keep.
  if (model.stored !== null || model.seen.size > 0) model.stored = new Map(model.seen)
  forget(model)
}

/** One key written at once: a clear that was recorded before it goes with it. */
const writeNow = (model: Model, key: string, value: Json | undefined): void => {
  if (model.stored !== null || value !== undefined) {
    model.stored = new Map(model.cleared ? [] : model.stored)
    model.cleared = false
    write(model.stored, key, value)
  }
  write(model.seen, key, value)
}

const write = (map: Map<string, Json>, key: string, value: Json | undefined): void => {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}

type Step = (model: Model, real: Real) => Promise<void>

class Command implements fc.AsyncCommand<Model, Real> {
  readonly #name: string
  readonly #step: Step
  constructor(name: string, step: Step) {
    this.#name = name
    this.#step = step
  }
  check(): boolean {
    return true
  }
  run(model: Model, real: Real): Promise<void> {
    return this.#step(model, real)
  }
  toString(): string {
    return this.#name
  }
}

const key = fc.constantFrom('a', 'b', 'c', 'toString')
const value = fc.constantFrom<Json>(null, 0, 'text', [1, { deep: true }], { a: null })
const command = (name: string, step: Step) => fc.constant(new Command(name, step))
const onKey = (name: string, step: (key: string) => Step) =>
  key.map((at) => new Command(`${name}(${at})`, step(at)))
const onEntry = (name: string, step: (key: string, value: Json) => Step) =>
  fc.tuple(key, value).map(([at, to]) => new Command(`${name}(${at}, ${JSON.stringify(to)})`, step(at, to)))

const commands = [
  onKey('get', (at) => async (model, { session }) => {
    assert.deepEqual(
      await session.get(at, 'fallback'),
      model.seen.get(at) ?? (model.seen.has(at) ? null : 'fallback'),
    )
    assert.equal(await session.has(at), model.seen.has(at))
  }),
  command('entries', async (model, { session }) => {
    assert.deepEqual(await session.entries(), [...model.seen])
    assert.deepEqual(await session.keys(), [...model.seen.keys()])
    assert.equal(await session.isEmpty(), model.seen.size === 0)
    assert.equal(await session.isNew(), model.stored === null)
  }),
  onEntry('set', (at, to) => async (model, { session }) => {
    session.set(at, to)
    model.seen.set(at, to)
  }),
  onEntry('merge', (at, to) => async (model, { session }) => {
    session.merge({ [at]: to, merged: 1 })
    model.seen.set(at, to).set('merged', 1)
  }),
  onKey('delete', (at) => async (model, { session }) => {
    assert.equal(await session.delete(at), model.seen.has(at))
    model.seen.delete(at)
  }),
  command('clear', async (model, { session }) => {
    session.clear()
    model.seen.clear()
    model.cleared = true
  }),
  onKey('pop', (at) => async (model, { session }) => {
    const { seen } = model
    assert.deepEqual(await session.pop(at, 'fallback'), seen.has(at) ? seen.get(at) : 'fallback')
    if (seen.has(at)) writeNow(model, at, undefined)
  }),
  onEntry('setDefault', (at, to) => async (model, { session }) => {
    const created = !model.seen.has(at)
    if (created) writeNow(model, at, to)
    assert.deepEqual(await session.setDefault(at, to), { value: model.seen.get(at), created })
  }),
  onKey('update', (at) => async (model, { session }) => {
    const next = [model.seen.get(at) ?? null].flat().length
    assert.equal(await session.update(at, (current) => [current ?? null].flat().length), next)
    writeNow(model, at, next)
  }),
  command('flush', async (model, { session }) => {
    const id = await session.handle()
    const wasStored = model.stored !== null
    assert.equal(await session.flush(), wasStored)
    if (wasStored) assert.notEqual(await session.handle(), id)
    // The successor is stored at once here, so that there is one state less to model.
    await session.save()
    model.stored = wasStored ? new Map() : null
    forget(model)
  }),
  command('rotate', async (model, { session }) => {
    const [id, createdAt] = [await session.handle(), await session.createdAt()]
    await session.rotate()
    if (model.stored === null) return
    assert.notEqual(await session.handle(), id)
    assert.deepEqual(await session.createdAt(), createdAt)
  }),
  command('save', async (model, { session }) => {
    await session.save()
    save(model)
  }),
  command('save and go on in the next request', async (model, real) => {
    await real.session.save()
    save(model)
    real.reopen()
  }),
  command('end without saving', async (model, real) => {
    real.reopen()
    const left = new Map(await real.session.entries())
    assert.deepEqual(left, model.stored ?? new Map())
    if (model.stored !== null) model.stored = left
    forget(model)
  }),
]

const cookie = sessionCookie()

it(
  'Session does what a plain Map does, whatever is called in which order',
  { timeout: 1_800_000 },
  async () => {
    await fc.assert(
      // A hundred on average: a history of fixed length could not be shrunk to its cause.
      fc.asyncProperty(fc.commands(commands, { maxCommands: 200, size: 'max' }), async (history) => {
        const store = freshSessionStore()
        const real: Real = {
          session: openSession(store, null, { cookie }),
          reopen: () => (real.session = openSession(store, real.session.token, { cookie })),
        }
        const model: Model = { stored: null, seen: new Map(), cleared: false }
        await fc.asyncModelRun(() => ({ model, real }), history)
      }),
      { numRuns: runs(process.env['CI'] ? 300 : 100, 10_000) },
    )
  },
)
