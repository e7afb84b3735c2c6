import { afterAll, expect } from 'vitest'
import { given, seen } from './harness.ts'

afterAll(() => {
  const leaks = seen.filter((text) => [...given].some((token) => text.includes(token)))
  expect(leaks, 'no answer and no log shows a token').toEqual([])
})
