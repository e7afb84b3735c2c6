/** As `npm run test:faults`: the sizes that take minutes. */
export const isFull = process.env['FAULTS'] !== undefined

/** A run that tested nothing must be visible as such. */
export function report(name: string, figures: object): void {
  process.stdout.write(`${name}: ${JSON.stringify(figures)}\n`)
}
