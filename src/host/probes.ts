// All probes, in the order in which a sandbox needs what they look for; and the two sandboxes that the verdict is about.

import type { Sandbox } from '../sandbox.js'
import { sandbox } from '../sandbox.js'
import type { Probe } from './probe.js'
import { cgroupProbes } from './probes-cgroups.js'
import { privilegeProbes, processProbes } from './probes-process.js'
import { namespaceProbes, rootfsProbes } from './probes-sandbox.js'

export const PROBES: readonly Probe[] = [
  ...processProbes,
  ...namespaceProbes,
  ...rootfsProbes,
  ...cgroupProbes,
  ...privilegeProbes,
]

export const DEFAULT_SANDBOX = (): Sandbox => sandbox()
export const LIMITED_SANDBOX = (): Sandbox =>
  sandbox().limits({ memory: '64MiB', pids: 16, cpu: 1, cpuTime: '5s', wallTime: '5s' })
