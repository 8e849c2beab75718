// Reports of checkHost(), asked for and looked at.
import type { HostCapability, HostReport } from 'cofferdam'
import * as assert from 'uvu/assert'

/** The body of a function that asks for one, for asCaller() and askOn(). */
export const ASK = `const { checkHost } = await import('cofferdam'); return checkHost()`

/** The capability of this name. */
export function row(report: HostReport, name: string): HostCapability {
  const found = report.capabilities.find((capability) => capability.name === name)
  if (!found) throw new Error(`There is no capability ${name}`)
  return found
}

/** The names of capabilities with this answer. */
export function named(report: HostReport, works: boolean | undefined): string[] {
  return report.capabilities.filter((capability) => capability.works === works).map(({ name }) => name)
}

/** What holds of every report. */
export function assertSound(report: HostReport): void {
  assert.ok(report.capabilities.length > 30)
  assert.equal(new Set(report.capabilities.map(({ name }) => name)).size, report.capabilities.length)
  for (const { name, title, how, cost, works, detail } of report.capabilities) {
    for (const text of [title, how, cost]) assert.ok(text.length > 1, name)
    if (!works) assert.ok(detail, `${name} has no reason`)
  }
  for (const verdict of [report.defaultSandbox, report.limitedSandbox])
    if (!verdict.starts) assert.ok(verdict.reason, 'a verdict has no reason')
}
