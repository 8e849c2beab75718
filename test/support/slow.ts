// How much longer things may take on this host than on hardware: in an emulator a factor of several. The one place that
// reads COFFERDAM_SLOW. It stretches time-outs and upper bounds of times; never a lower bound, and nothing without it.

/** COFFERDAM_SLOW, a number from 1 on. @default 1 */
export const slowness = readSlowness()

/** An upper bound of a duration, stretched. */
export function atMost(ms: number): number {
  return ms * slowness
}

function readSlowness(): number {
  const text = process.env.COFFERDAM_SLOW ?? '1'
  const value = Number(text)
  if (!(value >= 1 && value <= 100)) throw new Error(`Expected a number from 1 to 100 in COFFERDAM_SLOW, got ${text}`)
  return value
}
