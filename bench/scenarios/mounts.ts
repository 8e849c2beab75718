// Whether a recipe's binds cost the same each, however many they are.
import { MOUNTS, mountsName } from '../contenders/families.js'
import { ms } from '../support/render.js'
import { answerData, figure, measure, PACE_TITLE, PACES, type Scenario } from '../support/scenario.js'
import { fitLine } from '../support/statistics.js'
import { lineSvg } from '../support/svg.js'
import type { Check, Pace } from '../support/types.js'

export const mounts: Scenario = {
  name: 'mounts',
  about: 'cold with 1, 10, 100 and 1,000 binds, and the straight line through them',
  async run(context) {
    const answer = await measure(context, 'mounts', { family: 'mounts', hot: 60, sparse: 30, warmUp: 5 })
    const points = (pace: Pace) => MOUNTS.map((count) => [count, figure(answer, mountsName(count), pace)] as const)
    const fits = PACES.map((pace) => ({ pace, ...fitLine(points(pace)) }))
    const columns = ['binds', ...PACES.flatMap((pace) => [PACE_TITLE[pace], 'for each bind'])]
    const each = (count: number, pace: Pace) =>
      count === 0
        ? ''
        : `${(((figure(answer, mountsName(count), pace) - figure(answer, mountsName(0), pace)) / count) * 1000).toFixed(1)} us`
    const rows = MOUNTS.map((count) => [
      `${count}`,
      ...PACES.flatMap((pace) => [ms(figure(answer, mountsName(count), pace)), each(count, pace)]),
    ])
    const fit = fits.map(
      ({ pace, constant, slope, r2 }) =>
        `${PACE_TITLE[pace]}: ${constant.toFixed(2)} ms + ${(slope * 1000).toFixed(1)} us for each bind, r2 ${r2.toFixed(4)}.`,
    )
    const series = PACES.map((pace) => ({
      name: PACE_TITLE[pace],
      points: points(pace).filter(([count]) => count > 0),
    }))
    const titles = { title: 'Cold run() by the number of binds', xTitle: 'binds', yTitle: 'ms, median' }
    return {
      data: { fits, answer: answerData(answer, context.samples) },
      tables: [{ title: 'Cold run() by the number of binds', note: `Least squares: ${fit.join(' ')}`, columns, rows }],
      charts: [{ name: 'mounts', svg: lineSvg({ ...titles, logX: true, logY: true, series }) }],
      checks: PACES.map((pace) => linear(pace, (count) => figure(answer, mountsName(count), pace))),
    }
  },
}

/** Re-reading the table of mounts for each one made 2,000 binds quadratic elsewhere: then a bind of 1,000 costs ten of 100. */
function linear(pace: Pace, at: (count: number) => number): Check {
  const [hundred, thousand] = [(at(100) - at(0)) / 100, (at(1000) - at(0)) / 1000]
  return {
    asked: `mounts are linear: each of 1,000 binds costs at most 1.5x one of 100, ${pace}`,
    measured: `${(thousand * 1000).toFixed(1)} us to ${(hundred * 1000).toFixed(1)} us`,
    met: thousand <= 1.5 * hundred,
  }
}
