// Two kinds of charts as SVG: bars with their figures, and lines over a logarithmic or linear axis.

const COLOURS = ['#2f6fb5', '#d9822b', '#3b8a4f', '#b5404d', '#7a5ba8', '#6b7280']
const INK = '#1f2933'
const GRID = '#d8dde3'
const WIDTH = 860

export interface BarChart {
  title: string
  unit: string
  /** What each bar of a group is. */
  series: readonly string[]
  /** One figure for each series; `undefined` leaves its place empty. */
  groups: readonly { label: string; values: readonly (number | undefined)[] }[]
  log?: boolean
}

export interface LineChart {
  title: string
  xTitle: string
  yTitle: string
  logX?: boolean
  logY?: boolean
  series: readonly { name: string; points: readonly (readonly [x: number, y: number])[] }[]
}

export function barSvg({ title, unit, series, groups, log = false }: BarChart): string {
  const [left, right, bar, gap, top] = [300, 90, 14, 10, 64]
  const rows = groups.length * (series.length * bar + gap)
  const values = groups.flatMap((group) => group.values.filter(isDrawn))
  const scale = axis([log ? Math.min(...values) / 2 : 0, Math.max(...values)], [left, WIDTH - right], log)
  const parts = [heading(title, `${unit}${log ? ', logarithmic' : ''}`), legend(series, left)]
  for (const tick of scale.ticks) {
    parts.push(line(scale.at(tick), top, scale.at(tick), top + rows, GRID))
    parts.push(text(scale.at(tick), top + rows + 16, short(tick), 'middle'))
  }
  for (const [index, { label, values }] of groups.entries()) {
    const y = top + index * (series.length * bar + gap) + gap / 2
    parts.push(text(left - 8, y + (series.length * bar) / 2 + 4, label, 'end'))
    for (const [at, value] of values.entries()) {
      if (!isDrawn(value)) continue
      const width = Math.max(1, scale.at(value) - left)
      const box = `x="${left}" y="${n(y + at * bar)}" width="${n(width)}" height="${bar - 2}"`
      parts.push(`<rect ${box} fill="${colour(at)}"/>`)
      parts.push(text(left + width + 5, y + at * bar + 10, short(value), 'start', 11))
    }
  }
  return document(parts, top + rows + 32)
}

export function lineSvg({ title, xTitle, yTitle, logX = false, logY = false, series }: LineChart): string {
  const [left, right, top, bottom] = [70, WIDTH - 30, 64, 380]
  const points = series.flatMap((one) => one.points)
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const exact = (value: number) =>
    left + (Math.log(value / Math.min(...xs)) / Math.log(Math.max(...xs) / Math.min(...xs))) * (right - left)
  const x = logX ? { at: exact, ticks: xs } : axis([Math.min(...xs), Math.max(...xs)], [left, right], false)
  const y = axis([logY ? Math.min(...ys) : 0, Math.max(...ys)], [bottom, top], logY)
  const names = series.map(({ name }) => name)
  const parts = [heading(title, `${yTitle}${logY ? ', logarithmic' : ''}`), legend(names, left)]
  for (const tick of y.ticks) {
    parts.push(line(left, y.at(tick), right, y.at(tick), GRID), text(left - 8, y.at(tick) + 4, short(tick), 'end'))
  }
  for (const tick of new Set(x.ticks)) {
    parts.push(line(x.at(tick), bottom, x.at(tick), bottom + 5, INK))
    parts.push(text(x.at(tick), bottom + 20, short(tick), 'middle'))
  }
  for (const [index, { points }] of series.entries()) {
    const places = points.map(([px, py]) => `${n(x.at(px))},${n(y.at(py))}`)
    parts.push(`<polyline points="${places.join(' ')}" fill="none" stroke="${colour(index)}" stroke-width="2"/>`)
    for (const place of places) {
      const [cx, cy] = place.split(',')
      parts.push(`<circle cx="${cx}" cy="${cy}" r="3" fill="${colour(index)}"/>`)
    }
  }
  parts.push(text((left + right) / 2, bottom + 42, xTitle, 'middle'))
  return document(parts, bottom + 56)
}

interface Axis {
  at(value: number): number
  ticks: number[]
}

/** Maps values to places; an axis that is logarithmic ends at powers of ten. */
function axis([low, high]: readonly [number, number], [from, to]: readonly [number, number], log: boolean): Axis {
  if (log) {
    const first = Math.floor(Math.log10(low))
    const last = Math.max(first + 1, Math.ceil(Math.log10(high)))
    const ticks = Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
    return { ticks, at: (value) => from + ((Math.log10(value) - first) / (last - first)) * (to - from) }
  }
  const rough = (high - low || 1) / 6
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
  const [first, last] = [Math.floor(low / step), Math.max(Math.ceil(high / step), Math.floor(low / step) + 1)]
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step)
  return { ticks, at: (value) => from + ((value / step - first) / (last - first)) * (to - from) }
}

function document(parts: readonly string[], height: number): string {
  const size = `width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`
  const font = `font-family="system-ui, sans-serif" font-size="12" fill="${INK}"`
  const background = `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${font}>\n${[background, ...parts].join('\n')}\n</svg>\n`
}

function heading(title: string, unit: string): string {
  return `<text x="12" y="22" font-size="15" font-weight="bold">${escaped(`${title} (${unit})`)}</text>`
}

function legend(names: readonly string[], left: number): string {
  let x = left
  return names
    .map((name, index) => {
      const entry = `<rect x="${n(x)}" y="36" width="10" height="10" fill="${colour(index)}"/>${text(x + 15, 45, name)}`
      x += 32 + name.length * 6.6
      return entry
    })
    .join('')
}

function text(x: number, y: number, value: string, anchor = 'start', size = 12): string {
  return `<text x="${n(x)}" y="${n(y)}" text-anchor="${anchor}" font-size="${size}">${escaped(value)}</text>`
}

function line(x1: number, y1: number, x2: number, y2: number, stroke: string): string {
  return `<line x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}" stroke="${stroke}"/>`
}

const isDrawn = (value: number | undefined): value is number => value !== undefined && Number.isFinite(value)
const colour = (index: number) => COLOURS[index % COLOURS.length]
const n = (value: number) => value.toFixed(1).replace(/\.0$/, '')
const short = (value: number) => `${Number(value.toPrecision(3))}`
const escaped = (value: string) => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
