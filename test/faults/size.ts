/** As `npm run test:faults`: the sizes that take minutes. */
export const isFull = process.env['FAULTS'] !== undefined

/** Shown of a test that fails, and by `npm run test:faults`: a long run that tested little must be visible as such. */
export function report(name: string, figures: object): void {
  // oxlint-disable-next-line eslint/no-console -- the console is what vitest shows of a test that fails
  console.info(`${name}: ${JSON.stringify(figures)}`)
}
