// Puts the report together: what the child has found out, and what is known about this process itself.

import { readFileSync } from 'node:fs'
import { hostFacts } from '../host-facts.js'
import { type HostConditions, readConditions } from './conditions.js'
import type { Probe } from './probe.js'
import { PROBES } from './probes.js'
import { explainRefusal } from './refusals.js'
import type { CgroupLayout, HostCapability, HostReport, StartVerdict } from './report-types.js'
import { type Findings, runChild } from './run.js'
import { packageVersion } from './version.js'

function capability(probe: Probe, { findings, problem }: Findings): HostCapability {
  const { name, group, title, required, how, cost } = probe
  const finding = findings.get(name) ?? { works: undefined, detail: `It could not be tried: ${problem}` }
  return Object.freeze({
    name,
    group,
    title,
    works: finding.works,
    required,
    how,
    detail: finding.detail,
    code: finding.code,
    step: finding.step,
    cost,
    remedy: finding.works ? undefined : (finding.remedy ?? (finding.works === false ? probe.remedy : undefined)),
  })
}

// The one thing that a child cannot find out: whether its parent may write id maps for children of its own.
function idMapRights(conditions: HostConditions): HostCapability {
  const refusal = conditions.dumpable ? undefined : explainRefusal({ step: 'id-map', code: 'EACCES' }, conditions)
  return Object.freeze({
    name: 'id-map-rights',
    group: 'process',
    title: 'own files in /proc',
    works: refusal === undefined,
    required: true,
    how: 'The owner of /proc/self was looked at.',
    detail: refusal?.cause,
    code: undefined,
    step: undefined,
    cost: 'No sandbox with a user namespace starts.',
    remedy: refusal?.remedy,
  })
}

function verdict(found: StartVerdict | undefined, problem: string | undefined, rights: HostCapability): StartVerdict {
  if (!rights.works) return Object.freeze({ starts: false, reason: rights.detail, remedy: rights.remedy })
  if (found) return Object.freeze({ starts: found.starts, reason: found.reason, remedy: found.remedy })
  return Object.freeze({ starts: false, reason: `It could not be tried: ${problem}`, remedy: undefined })
}

function layoutOf(mountinfo: string): CgroupLayout {
  const v2 = / - cgroup2 /.test(mountinfo)
  const v1 = / - cgroup /.test(mountinfo)
  return v2 ? (v1 ? 'hybrid' : 'v2') : v1 ? 'v1' : 'none'
}

function readLayout(): CgroupLayout {
  try {
    return layoutOf(readFileSync('/proc/self/mountinfo', 'utf8'))
  } catch {
    return 'none'
  }
}

function settingsOf(conditions: HostConditions): Readonly<Record<string, number>> {
  const settings: Record<string, number> = {}
  const add = (name: string, value: number | undefined) => {
    if (value !== undefined) settings[name] = value
  }
  add('kernel.apparmor_restrict_unprivileged_userns', conditions.apparmorSetting)
  add('kernel.unprivileged_userns_clone', conditions.unprivilegedUsernsClone)
  for (const [name, limit] of Object.entries(conditions.maxNamespaces))
    add(`user.max_${name === 'mount' ? 'mnt' : name}_namespaces`, limit)
  add('vm.memfd_noexec', conditions.memfdNoexec)
  return Object.freeze(settings)
}

/** The report, after `timeoutMs` at the latest. */
export async function makeReport(timeoutMs: number): Promise<HostReport> {
  const found = await runChild(timeoutMs, PROBES.length)
  const conditions = readConditions()
  const { uid, gid } = hostFacts()
  const rights = idMapRights(conditions)
  return Object.freeze({
    version: packageVersion(),
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    kernel: conditions.kernelRelease,
    caller: Object.freeze({ uid, gid }),
    seccompFilter: conditions.seccompFilter,
    container: conditions.container,
    cgroups: readLayout(),
    settings: settingsOf(conditions),
    defaultSandbox: verdict(found.verdicts.defaultSandbox, found.problem, rights),
    limitedSandbox: verdict(found.verdicts.limitedSandbox, found.problem, rights),
    capabilities: Object.freeze([
      ...PROBES.slice(0, 1).map((probe) => capability(probe, found)),
      rights,
      ...PROBES.slice(1).map((probe) => capability(probe, found)),
    ]),
  })
}
