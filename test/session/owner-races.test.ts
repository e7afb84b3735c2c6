import { it } from 'vitest'
import { freshStore, storeName } from '../support/fresh-store.ts'
import { judged, type Races } from '../support/owner-races.ts'
import { runs } from '../support/runs.ts'

/** Seconds that the three of a long run may take together, 20 minutes. */
const seconds = 400

it.each<Races & { title: string }>([
  { title: 'beside each other', operations: runs(1500, 60_000) },
  { title: 'while clients die between their steps', operations: runs(1000, 30_000), crash: 0.02 },
  { title: 'with at most three devices', operations: runs(500, 15_000), settings: { devices: { max: 3 } } },
])('ends what it ends, $title', ({ title, ...races }) =>
  judged(`${storeName}, ${title}`, freshStore(), { ...races, seconds }),
)
