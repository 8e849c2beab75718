// A plan as text of a given width, for people: a pure function. What it leaves out is in the plan itself: the bytes of
// files, the values of environment variables, attributes of mounts.

import { wrap } from './cli/text.js'
import type { BootStep, MountSource, PlanHierarchy, PlanIdentity, SandboxPlan } from './plan-types.js'
import { NAMESPACES } from './recipe.js'
import { formatBytes, formatDuration } from './units.js'

/** Columns of what stands at the beginning of a line. */
export const PLAN_LABEL = 15
const LABEL = PLAN_LABEL

type Row = readonly [label: string, ...texts: string[]]

function rows(list: readonly Row[], width: number): string[] {
  return list.flatMap(([label, ...texts]) =>
    texts
      .flatMap((text) => wrap(text, width - LABEL))
      .map((line, i) => `${(i === 0 ? label : '').padEnd(LABEL)}${line}`.trimEnd()),
  )
}

const amount = (value: number | 'max', unit: (value: number) => string) => (value === 'max' ? 'unlimited' : unit(value))
const octal = (mode: number) => mode.toString(8).padStart(4, '0')

function idMap(identity: PlanIdentity): string[] {
  const { uidMap, gidMap, mapWriters } = identity
  if (uidMap.length === 0) return ["the host's ids"]
  const show = (what: string, lines: PlanIdentity['uidMap']) =>
    `${what} ${lines.map(({ inside, outside, count }) => (count === 1 ? `${inside} is ${outside}` : `${inside}-${inside + count - 1} are ${outside}-${outside + count - 1}`)).join(', ')}`
  const by = mapWriters === undefined ? [] : [`written by ${Object.values(mapWriters).join(' and ')}`]
  return [show('users', uidMap), show('groups', gidMap), ...by]
}

function sourceText({ path, attributes, devices, idMapped, optional }: MountSource): string {
  const writable = attributes.includes('rdonly') ? 'read-only' : 'writable'
  const more = [idMapped ? 'owners mapped' : '', optional ? 'may be missing' : ''].filter((word) => word !== '')
  return devices ? 'a fresh one' : `${path}, ${[writable, ...more].join(', ')}`
}

/** What a step does, in a few words. */
function stepText(step: BootStep): string {
  switch (step.op) {
    case 'identity':
      return `user ${step.uid}, group ${step.gid}`
    case 'shield':
      return `init becomes user ${step.uid}`
    case 'hostname':
      return step.name
    case 'stage':
      return `${formatBytes(step.sizeBytes)} in memory, at ${step.at}`
    case 'scratch':
      return `${step.target}, ${octal(step.mode)}`
    case 'layer':
      return sourceText(step.source)
    case 'upper':
      return `${step.source.path}/${step.upper}, work directory ${step.work}`
    case 'root':
      return step.kind === 'tree' ? `tree: ${sourceText(step.source)}` : step.kind
    case 'directory':
      return `${step.target}, ${octal(step.mode)}`
    case 'tmpfs':
      return `${step.target}, ${formatBytes(step.sizeBytes)}, ${octal(step.mode)}`
    case 'devpts':
      return step.target
    case 'bind':
      return step.source.path === step.target || step.source.devices
        ? `${step.target}${step.source.devices ? ', ' : ''}${sourceText(step.source).slice(step.source.devices ? 0 : step.target.length)}`
        : `${step.target} from ${sourceText(step.source)}`
    case 'file':
      return `${step.target}, ${formatBytes(Buffer.byteLength(step.content))}, ${octal(step.mode)}`
    case 'symlink':
      return `${step.path} leads to ${step.target}`
    case 'mask':
    case 'readonly':
      return step.path
    case 'switch':
      return step.kind
    case 'chroot':
      return step.directory
    case 'capabilities':
      return `init keeps ${step.kept.length === 0 ? 'none' : step.kept.join(', ')}`
    case 'landlock':
      return `rules for ${[...step.files, ...step.network, ...step.scopes].join(', ')}`
    case 'landlock-path':
      return `${step.path}: ${step.rights.join(', ')}`
    case 'landlock-port':
      return `${step.port}: ${step.rights.join(', ')}`
    case 'proc':
    case 'mqueue':
    case 'place':
      return step.target
    default:
      return ''
  }
}

/** Steps of one kind that follow each other are one line: there are a dozen masks in every plan. */
function bootRows(boot: readonly BootStep[]): Row[] {
  const found: [op: string, ...texts: string[]][] = []
  for (const step of boot) {
    const text = stepText(step)
    const op = step.op.replace(/^landlock-.*/, 'landlock')
    const last = found.at(-1)
    if (last?.[0] === op && (op === 'mask' || op === 'readonly')) last[1] += ` ${text}`
    else found.push([op, text])
  }
  return found.map(([op, ...texts], i) => {
    const again = i > 0 && found[i - 1]?.[0] === op
    const label = again ? '' : `  ${op}`
    if (label.length < LABEL) return [label, ...(texts[0] === '' ? [' '] : texts)]
    return ['', `${op}: ${texts.join(' ')}`]
  })
}

function cgroupRows(cgroups: readonly PlanHierarchy[]): Row[] {
  if (cgroups.length === 0) return [['Cgroups', 'none can be made, or none is needed']]
  return cgroups.map(({ version, base, controllers, limits }, i) => {
    const which = controllers.length === 0 ? '' : `, ${controllers.join(' ')}`
    const writes = limits.map(({ file, value, feature }) => `${file} = ${value}, for ${feature}`)
    return [i === 0 ? 'Cgroups' : '', `v${version}${which}, below ${base}`, ...writes]
  })
}

function commandRows({ command }: SandboxPlan): Row[] {
  const { wallTimeMs, cpuTimeMs, outputBytes, rlimits, nice, capabilities, seccomp, environment } = command
  const clocks = [
    wallTimeMs === undefined ? '' : `wall time ${formatDuration(wallTimeMs)}`,
    cpuTimeMs === undefined ? '' : `CPU time ${formatDuration(cpuTimeMs)}`,
    outputBytes === undefined ? '' : `output ${amount(outputBytes, formatBytes)}`,
  ].filter((text) => text !== '')
  const each = rlimits.map(({ resource, value }) =>
    resource === 'nofile' ? `${value} descriptors` : `${resource} ${amount(value, formatBytes)}`,
  )
  const names = Object.keys(environment)
  const filter = seccomp.profile === 'off' ? 'off' : `${seccomp.profile}, ${seccomp.instructions} instructions`
  return [
    ['Directory', command.cwd],
    ['Environment', names.length === 0 ? 'empty' : names.join(', ')],
    ['Looked for', `in ${command.searchPath}`],
    ...(clocks.length > 0 ? [['Ended at', clocks.join(', ')] as const] : []),
    ['A process', `${each.join(', ')}${nice === undefined ? '' : `, nice ${nice}`}`],
    ['System calls', filter],
    ['Keeps', capabilities.length === 0 ? 'no capability' : capabilities.join(', ')],
  ]
}

/** A plan in lines of at most `width`, unless a single word is longer. */
export function formatPlan(plan: SandboxPlan, width: number): string {
  const { namespaces, identity, clockOffset, workdir, boot, ahead, cgroups, warnings, unsupported } = plan
  const shared = NAMESPACES.filter((name) => !namespaces.includes(name))
  const clocks = clockOffset && `monotonic ${clockOffset.monotonicMs} ms, boottime ${clockOffset.boottimeMs} ms`
  const who = `user ${identity.uid}, group ${identity.gid}; on the host ${identity.hostUid}, ${identity.hostGid}`
  const list: Row[] = [
    ['Namespaces', namespaces.length === 0 ? 'none' : namespaces.join(', ')],
    ...(shared.length > 0 ? [['Shared', shared.join(', ')] as const] : []),
    ['Identity', who, ...idMap(identity)],
    ...(clocks ? [['Clocks', clocks] as const] : []),
    ...(workdir === undefined ? [] : [['Work dir.', workdir] as const]),
    ...commandRows(plan),
    ...cgroupRows(cgroups),
    ['Boot', `${boot.length} steps, of which ${plan.stocked ? ahead : 'none'} may be done ahead:`],
    ...bootRows(boot),
  ]
  const notes = (title: string, texts: readonly string[]) => (texts.length === 0 ? [] : [title, ...texts])
  return [
    ...rows(list, width),
    ...notes(
      '\nWarnings',
      warnings.flatMap((text) => wrap(text, width - 2).map((line, i) => `${i === 0 ? '- ' : '  '}${line}`)),
    ),
    ...notes(
      '\nNot to be had here',
      unsupported.flatMap(({ feature, reason, hint }) =>
        wrap(`${feature}: ${reason} ${hint}`, width - 2).map((line, i) => `${i === 0 ? '- ' : '  '}${line}`),
      ),
    ),
    '',
  ].join('\n')
}
