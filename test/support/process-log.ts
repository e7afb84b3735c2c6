// This shows the output of a process that a test started, only if the test fails.

import { onTestFailed } from 'vitest'

/** A running test calls this. If that test fails, `printed` is called, and returns what to show. */
export function showIfFailed(what: string, printed: () => string): void {
  onTestFailed(() => {
    // oxlint-disable-next-line eslint/no-console -- the console is what vitest shows of a test that fails
    console.error(`${what} printed:\n${printed() || 'nothing'}`)
  })
}
