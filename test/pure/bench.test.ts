// The benchmark's arithmetic, charts, tables and command line.
import * as assert from 'uvu/assert'
import { fasterHalf, nameCommands, ownFilter, parseLine, splitCalls, timeline } from '../../bench/profile/trace.js'
import { parseOptions } from '../../bench/support/options.js'
import { checksTable, markdownTable, terminalTable } from '../../bench/support/render.js'
import { atLeast, atMost, ratio } from '../../bench/support/scenario.js'
import { fitLine, median, percentile, shuffled, summarize } from '../../bench/support/statistics.js'
import { barSvg, lineSvg } from '../../bench/support/svg.js'
import { suite } from '../support/suite.js'

const test = suite('bench: figures')

test('percentiles are values that were measured, whatever their order', () => {
  const values = [5, 1, 4, 2, 3]
  assert.is(median(values), 3)
  assert.is(percentile(values, 0), 1)
  assert.is(percentile(values, 100), 5)
  assert.equal(values, [5, 1, 4, 2, 3])
  const hundred = Array.from({ length: 101 }, (_, index) => 100 - index)
  assert.equal(summarize(hundred), { count: 101, min: 0, median: 50, p95: 95, p99: 99 })
})

test('a summary of nothing says that there is nothing', () => {
  const { count, median } = summarize([])
  assert.is(count, 0)
  assert.ok(Number.isNaN(median))
})

test('a shuffle keeps every value', () => {
  const values = Array.from({ length: 50 }, (_, index) => index)
  const mixed = shuffled(values)
  assert.equal(
    [...mixed].sort((a, b) => a - b),
    values,
  )
})

test('the line through points on a line is that line, and a curve fits less well', () => {
  const line = fitLine([
    [0, 1],
    [10, 21],
    [100, 201],
  ])
  assert.ok(Math.abs(line.constant - 1) < 1e-9)
  assert.ok(Math.abs(line.slope - 2) < 1e-9)
  assert.ok(Math.abs(line.r2 - 1) < 1e-9)
  const curve = [0, 10, 20, 30].map((x) => [x, x * x] as const)
  assert.ok(fitLine(curve).r2 < 0.97)
})

test('a ratio is to what the contender is compared with, or to what is asked for', () => {
  const samples = (totalMs: number[]) => {
    const of = { totalMs, callMs: [], busyMs: [], firstByteMs: [] }
    return { hot: of, sparse: of }
  }
  const contenders = [
    { name: 'spawn', baseline: 'spawn', samples: samples([4, 4, 4]) },
    { name: 'ours', baseline: 'spawn', samples: samples([1, 2, 90]) },
    { name: 'floor', samples: samples([1]) },
  ]
  const answer = { heap: { rssMib: 1, hugePagesMib: 0 }, contenders, absent: [] }
  assert.is(ratio(answer, 'ours', 'hot'), 0.5)
  assert.is(ratio(answer, 'ours', 'sparse', 'floor'), 2)
  assert.ok(Number.isNaN(ratio(answer, 'absent', 'hot')))
})

test('a figure is met, missed or not measured', () => {
  const text = (value: number) => `${value}x`
  assert.equal(atMost('a', 1, 1, text), { asked: 'a: at most 1x', measured: '1x', met: true })
  assert.equal(atMost('a', 1.1, 1, text), { asked: 'a: at most 1x', measured: '1.1x', met: false })
  assert.equal(atLeast('a', 6, 5, text), { asked: 'a: at least 5x', measured: '6x', met: true })
  assert.equal(atLeast('a', 4, 5, text), { asked: 'a: at least 5x', measured: '4x', met: false })
  assert.is(atLeast('a', Number.NaN, 5, text).met, undefined)
  const [met, missed, unknown] = checksTable([
    atMost('a', 0, 1, text),
    atMost('a', 2, 1, text),
    atMost('a', Number.NaN, 1, text),
  ]).rows.map((row) => row[2])
  assert.equal([met, missed, unknown], ['met', 'MISSED', 'not measured'])
})

test('a table has every cell, on a terminal and as Markdown', () => {
  const table = { title: 'T', note: 'N', columns: ['what', 'median'], rows: [['spawn', '1.000 ms']] }
  for (const text of [terminalTable(table), markdownTable(table)]) {
    for (const part of ['T', 'N', 'what', 'median', 'spawn', '1.000 ms']) assert.ok(text.includes(part), part)
  }
  assert.ok(markdownTable(table).includes('| --- | ---: |'))
})

/** The values of an attribute of all elements of a kind. */
function attribute(svg: string, element: string, name: string): number[] {
  return Array.from(svg.matchAll(new RegExp(`<${element} [^>]*?\\b${name}="([^"]+)"`, 'g')), ([, value]) =>
    Number(value),
  )
}

test('bars are as long as their figures, and one without a figure is not drawn', () => {
  const groups = [
    { label: 'a <&>', values: [10, undefined] },
    { label: 'b', values: [20, 5] },
  ]
  const svg = barSvg({ title: 'T', unit: 'ms', series: ['x', 'y'], groups })
  assert.ok(svg.includes('a &lt;&amp;&gt;'))
  // Background and the two squares of the legend come first.
  const [first = 0, second = 0, third = 0, ...more] = attribute(svg, 'rect', 'width').slice(3)
  assert.equal(more, [])
  assert.ok(Math.abs(second / first - 2) < 0.02, `${first}, ${second}`)
  assert.ok(Math.abs(first / third - 2) < 0.02, `${first}, ${third}`)
})

for (const logarithmic of [false, true]) {
  test(`a ${logarithmic ? 'logarithmic' : 'linear'} line has each point inside the picture, in order`, () => {
    const points = [1, 10, 100, 1000].map((x) => [x, 2 * x] as const)
    const svg = lineSvg({
      title: 'T',
      xTitle: 'x',
      yTitle: 'y',
      logX: logarithmic,
      logY: logarithmic,
      series: [{ name: 'n', points }],
    })
    const [xs, ys] = [attribute(svg, 'circle', 'cx'), attribute(svg, 'circle', 'cy')]
    assert.is(xs.length, 4)
    assert.equal(
      [...xs].sort((a, b) => a - b),
      xs,
    )
    assert.equal(
      [...ys].sort((a, b) => b - a),
      ys,
    )
    const [, , width = 0, height = 0] = (/viewBox="([^"]+)"/.exec(svg)?.[1] ?? '').split(' ').map(Number)
    assert.ok(Math.max(...xs) < width && Math.max(...ys) < height && Math.min(...xs, ...ys) > 0)
    assert.not.match(svg, /NaN|Infinity|undefined/)
  })
}

const TRACE = `
    bench-target    10/10    1.000000100: raw_syscalls:sys_enter: NR 110 (0, 0, 0, 0, 0, 0)
    bench-target    10/10    1.000001100:  raw_syscalls:sys_exit: NR 110 = 9
 cofferdam-spawn    10/11    1.000010100: raw_syscalls:sys_enter: NR 435 (1, 2, 3, 4, 5, 6)
 cofferdam-spawn    10/11    1.000020100: sched:sched_process_fork: comm=cofferdam-spawn pid=11 child_comm=cofferdam-spawn child_pid=20
 cofferdam-spawn    10/11    1.000030100:  raw_syscalls:sys_exit: NR 435 = 20
  cofferdam-init    20/20    1.000040100: raw_syscalls:sys_enter: NR 1 (1, 2, 3, 4, 5, 6)
  cofferdam-init    20/20    1.000042100:  raw_syscalls:sys_exit: NR 1 = 5
    bench-target    10/10    1.000043100: raw_syscalls:sys_enter: NR 110 (0, 0, 0, 0, 0, 0)
    bench-target    10/10    1.000044100:  raw_syscalls:sys_exit: NR 110 = 9
  cofferdam-init    99/99    1.000045100: raw_syscalls:sys_enter: NR 1 (1, 2, 3, 4, 5, 6)
    bench-target    10/10    1.000050100: raw_syscalls:sys_enter: NR 110 (0, 0, 0, 0, 0, 0)
    bench-target    10/10    1.000051100:  raw_syscalls:sys_exit: NR 110 = 9
`
const CALLS: Readonly<Record<number, string>> = { 110: 'getppid', 435: 'clone3', 1: 'write' }
const nameOf = (number: number) => CALLS[number] ?? `${number}`

test("a trace becomes steps of the process and its children, and not of a stranger's", () => {
  const lines = TRACE.split('\n')
    .map(parseLine)
    .filter((line) => line !== undefined)
  assert.is(lines.length, 12)
  const named = nameCommands(lines.filter(ownFilter(10)), ({ number }) => nameOf(number) === 'clone3')
  const calls = splitCalls(named, 10, nameOf)
  assert.is(calls.length, 1)
  const rows = timeline(fasterHalf(calls, 0), median)
  const seen = rows.map(({ who, what, beginUs, tookUs, share }) => [
    who,
    what,
    Math.round(beginUs),
    Math.round(tookUs),
    share,
  ])
  assert.equal(seen, [
    ['main thread', 'the call begins', 0, 0, 1],
    ['cofferdam-spawn', 'clone3', 10, 20, 1],
    ['command', 'write', 40, 2, 1],
    ['main thread', 'the call has returned', 43, 0, 1],
    ['main thread', 'the result is there', 50, 0, 1],
  ])
})

const NAMES = ['latency', 'heap']

test('scenarios run in their own order, all of them when none is named', () => {
  assert.equal(parseOptions(['heap', 'latency', '--quick'], NAMES).scenarios, NAMES)
  assert.equal(parseOptions(['heap'], NAMES).scenarios, ['heap'])
  assert.equal(parseOptions([], NAMES).scenarios, NAMES)
  assert.is(parseOptions(['--quick'], NAMES).share, 0.1)
  assert.is(parseOptions(['--rounds', '2'], NAMES).share, 0.02)
})

for (const [bad, what] of [
  [['walls'], /latency, heap but received walls/],
  [['--rounds', '0'], /1 to 1000/],
  [['--rounds', 'many'], /many/],
  [['--quick', '--rounds', '5'], /both/],
  [['--check'], /check/],
] as const) {
  test(`${bad.join(' ')} is refused`, () => assert.throws(() => parseOptions(bad, NAMES), what))
}

test.run()
