// Medians, percentiles, and the straight line through points.

export interface Summary {
  count: number
  min: number
  median: number
  p95: number
  p99: number
}

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    count: sorted.length,
    min: sorted[0] ?? Number.NaN,
    median: nearest(sorted, 50),
    p95: nearest(sorted, 95),
    p99: nearest(sorted, 99),
  }
}

export function median(values: readonly number[]): number {
  return percentile(values, 50)
}

/** The value below which `percent` of the values lie; between two of them, the nearer. */
export function percentile(values: readonly number[], percent: number): number {
  return nearest(
    [...values].sort((a, b) => a - b),
    percent,
  )
}

function nearest(sorted: readonly number[], percent: number): number {
  return sorted[Math.round((percent / 100) * (sorted.length - 1))] ?? Number.NaN
}

/** A new order for every round, so that no contender always comes after the same other one. */
export function shuffled<T>(values: readonly T[]): T[] {
  return values
    .map((value) => ({ value, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ value }) => value)
}

export interface Fit {
  /** y at x = 0. */
  constant: number
  /** y for each x. */
  slope: number
  /** The part of y's variance that the line explains, 0 to 1. */
  r2: number
}

/** The straight line with the least squares of its distances in y. */
export function fitLine(points: readonly (readonly [x: number, y: number])[]): Fit {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const meanX = mean(points.map(([x]) => x))
  const meanY = mean(points.map(([, y]) => y))
  const sum = (of: (x: number, y: number) => number) =>
    points.reduce((total, [x, y]) => total + of(x - meanX, y - meanY), 0)
  const slope = sum((x, y) => x * y) / sum((x) => x * x)
  const r2 = sum((x, y) => x * y) ** 2 / (sum((x) => x * x) * sum((_, y) => y * y))
  return { constant: meanY - slope * meanX, slope, r2 }
}
