import { expect, it } from 'vitest'
import { freshStore } from '../support/fresh-store.ts'
import { race } from '../support/owner-races.ts'
import { runs } from '../support/runs.ts'

const clean = { survivors: 0, survivorsOfTickets: 0, unlisted: 0, irrevocable: 0, signedOut: 0 }

it.each([
  { title: 'beside each other', operations: runs(2000, 100_000) },
  { title: 'while clients die between their steps', operations: runs(1000, 100_000), crash: 0.02 },
  { title: 'with at most three devices', operations: runs(500, 50_000), settings: { devices: { max: 3 } } },
])('ends what it ends, $title', async ({ title, ...races }) => {
  const verdict = await race(freshStore(), races)
  expect(verdict).toMatchObject(clean)
  expect(verdict.signIns, title).toBeGreaterThan(races.operations / 10)
})
