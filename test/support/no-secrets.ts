// This runs in every test file (vitest.config.ts), and fails it if an answer or a log shows a token.

import { afterAll, expect } from 'vitest'
import { given, seen } from './harness.ts'

afterAll(() => {
  const leaks = seen.filter((text) => [...given].some((token) => text.includes(token)))
  expect(leaks, 'no answer and no log shows a token').toEqual([])
})
