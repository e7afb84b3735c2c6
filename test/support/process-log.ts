import { onTestFailed } from 'vitest'

/** Shows what a process of the running test printed, if the test fails. Of one that passes nobody reads it. */
export function showIfFailed(what: string, printed: () => string): void {
  onTestFailed(() => {
    // oxlint-disable-next-line eslint/no-console -- the console is what vitest shows of a test that fails
    console.error(`${what} printed:\n${printed() || 'nothing'}`)
  })
}
