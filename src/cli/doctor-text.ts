// The report as text of a given width: a pure function, so that what users paste into bug reports can be tested.

import type { CapabilityGroup, HostCapability, HostReport, StartVerdict } from '../host/report-types.js'
import { painter, wrap, wrapRemedy } from './text.js'

export interface TextOptions {
  readonly width: number
  readonly colour: boolean
}

const GROUPS: Readonly<Record<CapabilityGroup, string>> = {
  process: 'Starting a process',
  namespaces: 'Namespaces',
  rootfs: 'Root file system',
  cgroups: 'Limits, control and figures (cgroups)',
  privileges: 'Privileges',
}
const MARK_WIDTH = 6
const TITLE_WIDTH = 22

type Paint = ReturnType<typeof painter>

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}

function clause(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

/** Remedies in the order of their first use, and reasons that have been given: many rows share one. */
class Remedies {
  readonly list: string[] = []
  readonly #reasons = new Map<string, string>()

  reason(title: string, text: string): string {
    const first = this.#reasons.get(text)
    if (first !== undefined) return `As for ${first}.`
    this.#reasons.set(text, `'${title}'`)
    return sentence(text)
  }

  number(remedy: string): number {
    if (!this.list.includes(remedy)) this.list.push(remedy)
    return this.list.indexOf(remedy) + 1
  }

  refer(remedy: string | undefined): string {
    return remedy === undefined ? '' : ` See remedy ${this.number(remedy)}.`
  }
}

function header(report: HostReport, width: number): string[] {
  const { version, node, platform, kernel, caller, container, seccompFilter, cgroups, settings } = report
  const who = caller.uid === 0 ? 'root' : `uid ${caller.uid}, gid ${caller.gid}`
  const facts: [string, string][] = [
    ['package', `cofferdam ${version}, Node ${node}, ${platform}`],
    ['kernel', kernel === '' ? 'unknown' : kernel],
    ['caller', `${who}; ${seccompFilter ? 'a seccomp filter is on it' : 'no seccomp filter'}`],
    ['container', container === undefined ? 'no marks of one' : `marks of ${container}`],
    ['cgroups', { v1: 'v1', v2: 'v2', hybrid: 'v2 and v1', none: 'none mounted' }[cgroups]],
  ]
  // Of the many limits on namespaces only those say something that are 0.
  const limits = Object.entries(settings).filter(
    ([name, value]) => value === 0 || !name.startsWith('user.max_') || name === 'user.max_user_namespaces',
  )
  if (limits.length > 0) facts.push(['settings', limits.map(([name, value]) => `${name}=${value}`).join(' ')])
  return facts.flatMap(([name, text]) =>
    wrap(text, width - 10).map((line, i) => `${i === 0 ? name.padEnd(10) : ' '.repeat(10)}${line}`),
  )
}

function verdictLines(what: string, verdict: StartVerdict, remedies: Remedies, paint: Paint, width: number): string[] {
  const { starts, reason, remedy } = verdict
  const text = starts
    ? `${what} starts.${reason === undefined ? '' : ` ${sentence(reason)}`}`
    : `${what} does not start. ${sentence(reason ?? '')}${remedies.refer(remedy)}`
  const mark = starts ? paint('green', 'ok'.padEnd(MARK_WIDTH)) : paint('red', 'FAIL'.padEnd(MARK_WIDTH))
  return wrap(text, width - MARK_WIDTH).map((line, i) => `${i === 0 ? mark : ' '.repeat(MARK_WIDTH)}${line}`)
}

function markOf({ works, required }: HostCapability, paint: Paint): string {
  if (works) return paint('green', 'ok'.padEnd(MARK_WIDTH))
  if (works === undefined) return paint('yellow', '?'.padEnd(MARK_WIDTH))
  return required ? paint('red', 'FAIL'.padEnd(MARK_WIDTH)) : paint('yellow', 'no'.padEnd(MARK_WIDTH))
}

function row(capability: HostCapability, remedies: Remedies, paint: Paint, width: number): string[] {
  const { title, works, how, detail, cost, remedy } = capability
  const text = works
    ? `${how}${detail === undefined ? '' : ` ${detail}`}`
    : `${remedies.reason(title, detail ?? 'It does not work.')} Without it: ${clause(cost)}${remedies.refer(remedy)}`
  const lines = wrap(text, width - MARK_WIDTH - TITLE_WIDTH)
  return lines.map((line, i) =>
    i === 0
      ? `${markOf(capability, paint)}${title.padEnd(TITLE_WIDTH)}${works ? paint('dim', line) : line}`
      : `${' '.repeat(MARK_WIDTH + TITLE_WIDTH)}${works ? paint('dim', line) : line}`,
  )
}

/** The report as text, each line at most `width` long unless a single word or quoted text is longer. */
export function formatReport(report: HostReport, { width, colour }: TextOptions): string {
  const paint = painter(colour)
  const remedies = new Remedies()
  const lines = [
    ...header(report, width),
    '',
    ...verdictLines('A default sandbox', report.defaultSandbox, remedies, paint, width),
    ...verdictLines('A sandbox with limits', report.limitedSandbox, remedies, paint, width),
  ]
  for (const [group, title] of Object.entries(GROUPS)) {
    lines.push('', paint('bold', title))
    for (const capability of report.capabilities.filter((each) => each.group === group))
      lines.push(...row(capability, remedies, paint, width))
  }
  if (remedies.list.length > 0) lines.push('', paint('bold', 'Remedies'))
  for (const [i, remedy] of remedies.list.entries()) {
    const indent = 4
    const text = wrapRemedy(remedy, width - indent)
    lines.push(...text.map((line, j) => `${j === 0 ? `${i + 1}.`.padEnd(indent) : ' '.repeat(indent)}${line}`))
  }
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n`
}
