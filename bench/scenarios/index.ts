// All scenarios, in the order in which they run.
import type { Scenario } from '../support/scenario.js'
import { eventLoop } from './event-loop.js'
import { heap } from './heap.js'
import { idle } from './idle.js'
import { latency } from './latency.js'
import { leaks } from './leaks.js'
import { limits } from './limits.js'
import { mounts } from './mounts.js'
import { peers } from './peers.js'
import { scale } from './scale.js'
import { throughput } from './throughput.js'
import { walls } from './walls.js'

// What is left on the host is counted first, while nothing else has run.
export const SCENARIOS: readonly Scenario[] = [
  leaks,
  latency,
  walls,
  heap,
  eventLoop,
  throughput,
  scale,
  mounts,
  limits,
  peers,
  idle,
]
