// This leaves out, in the runs for other servers, the tests of what they cannot do, with the reason.

import { beforeEach } from 'vitest'
import { whyNot } from './lacks.ts'

beforeEach(({ task, skip }) => {
  const names = [task.name]
  for (let { suite } = task; suite; { suite } = suite) names.unshift(suite.name)
  const why = whyNot(process.env['TEST_WAY']!, names.join(' '))
  if (!why) return
  // The note of a skipped test is in no report but the reporter's own.
  task.meta.whySkipped = why
  skip(why)
})
