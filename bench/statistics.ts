// This computes quantiles, medians and ratios of what the rounds of a benchmark have measured.

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  return sorted.length % 2 === 0 ? (sorted[middle - 1]! + sorted[middle]!) / 2 : sorted[Math.floor(middle)]!
}

/** Divides round by round, as other work on the machine slows down both systems of a round. */
export const ratios = (values: readonly number[], base: readonly number[]): number[] =>
  values.map((value, round) => value / base[round]!)

/** `median [min..max]`. */
export function spread(values: readonly number[], digits: number, unit = ''): string {
  const show = (value: number): string => value.toFixed(digits)
  return `${show(median(values))}${unit} [${show(Math.min(...values))}..${show(Math.max(...values))}]`
}

export const rounded = (value: number, digits: number): number => Number(value.toFixed(digits))
