// Texts of cgroup files to figures, and figures to usage.
import * as assert from 'uvu/assert'
import { parseFigures } from '../../src/cgroup/figures.js'
import type { ExitedEvent } from '../../src/native.js'
import type { PlanHierarchy } from '../../src/plan-types.js'
import { figuresOf, usageOf } from '../../src/usage.js'
import { suite } from '../support/suite.js'

const test = suite('figures')

const EVENT: ExitedEvent = {
  kind: 'exited',
  id: 1,
  pid: 2,
  status: 0,
  cause: 0,
  syscall: 0,
  architecture: 0,
  wallNs: 12_500_000,
  userUs: 3000,
  systemUs: 1500,
  maxRssKib: 900,
  majorFaults: 1,
  voluntarySwitches: 2,
  involuntarySwitches: 3,
  inBlocks: 8,
  outBlocks: 16,
  outputBytes: -1,
  stats: [],
  cgroups: [],
}

const joined = (...files: string[]): PlanHierarchy => ({
  version: 2,
  base: '/',
  controllers: [],
  enable: '',
  groupWrites: [],
  limits: [],
  stats: files.map((file) => ({ file, optional: true })),
  cpuClock: undefined,
})

test('pressure is the time in which somebody waited, and unknown without a kernel that keeps it', () => {
  const some = 'some avg10=0.00 avg60=0.00 avg300=0.00 total=1500\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n'
  const files = ['cpu.pressure', 'memory.pressure', 'io.pressure'] as const
  assert.equal(parseFigures(files.map((file) => [file, some] as const)), {
    cpuPressureMs: 1.5,
    memoryPressureMs: 1.5,
    ioPressureMs: 1.5,
  })
  assert.equal(parseFigures(files.map((file) => [file, undefined] as const)), {})
})

test('cgroup v2', () => {
  const figures = parseFigures([
    ['cpu.stat', 'usage_usec 2500\nuser_usec 2000\nsystem_usec 500\nnr_periods 0\n'],
    ['memory.peak', '1048576\n'],
    ['memory.events', 'low 0\nhigh 0\nmax 17\noom 2\noom_kill 1\noom_group_kill 0\n'],
    ['pids.peak', '5\n'],
    ['pids.events', 'max 3\n'],
    ['io.stat', '8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n8:16 rbytes=1 wbytes=2 rios=1 wios=1\n'],
  ])
  assert.equal(figures, {
    cpuMs: 2.5,
    userMs: 2,
    systemMs: 0.5,
    memoryPeakBytes: 1048576,
    oomKills: 1,
    pidsPeak: 5,
    pidsRefused: 3,
    readBytes: 11,
    writtenBytes: 22,
  })
})

test('cgroup v1', () => {
  const figures = parseFigures([
    ['cpuacct.usage', '2500000\n'],
    ['memory.max_usage_in_bytes', '4096\n'],
    ['memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n'],
    ['pids.events', 'max 0\n'],
    ['blkio.throttle.io_service_bytes_recursive', '8:0 Read 7\n8:0 Write 9\n8:0 Total 16\n8:16 Read 1\nTotal 17\n'],
  ])
  assert.equal(figures, {
    cpuMs: 2.5,
    memoryPeakBytes: 4096,
    oomKills: 2,
    pidsRefused: 0,
    readBytes: 8,
    writtenBytes: 9,
  })
})

test('the v2 CPU clock outranks cpuacct', () => {
  assert.is(
    parseFigures([
      ['cpu.stat', 'usage_usec 1000\n'],
      ['cpuacct.usage', '9000000\n'],
    ]).cpuMs,
    1,
  )
})

test('a file that is missing or makes no sense gives no figure, never 0', () => {
  assert.equal(
    parseFigures([
      ['memory.peak', undefined],
      ['pids.peak', 'max\n'],
      ['unknown', '5'],
    ]),
    {},
  )
  assert.equal(figuresOf([joined('memory.peak', 'pids.peak')], ['', '']), {})
  assert.equal(figuresOf([joined('memory.peak', 'pids.peak')], []), {})
})

test('an empty io.stat is a tree that has not touched a disk', () => {
  assert.equal(figuresOf([joined('io.stat')], ['']), { readBytes: 0, writtenBytes: 0 })
})

test('texts are matched to files across hierarchies in the order of the plan', () => {
  const figures = figuresOf([joined('cpu.stat'), joined('pids.peak', 'memory.peak')], ['usage_usec 7000', '3', '4096'])
  assert.equal(figures, { cpuMs: 7, pidsPeak: 3, memoryPeakBytes: 4096 })
})

test('usage is the cgroups’ where they were joined, the kernel’s rusage otherwise', () => {
  const alone = usageOf(EVENT, {})
  assert.equal(alone, {
    wallTimeMs: 12.5,
    cpuTimeMs: 4.5,
    userTimeMs: 3,
    systemTimeMs: 1.5,
    memoryPeakBytes: 900 * 1024,
    pidsPeak: undefined,
    readBytes: 4096,
    writtenBytes: 8192,
    majorFaults: 1,
    voluntarySwitches: 2,
    involuntarySwitches: 3,
  })
  const measured = usageOf(EVENT, { cpuMs: 9, userMs: 8, systemMs: 1, memoryPeakBytes: 5, pidsPeak: 4, readBytes: 0 })
  assert.equal([measured.cpuTimeMs, measured.userTimeMs, measured.memoryPeakBytes, measured.pidsPeak], [9, 8, 5, 4])
  assert.equal([measured.readBytes, measured.writtenBytes], [0, 8192])
})

test.run()
