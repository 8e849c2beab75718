// Control of a live sandbox's groups: freeze, thaw, new limits, a look at the figures. All through fs.promises.

import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { endedError, SandboxUnsupportedError } from '../errors.js'
import type { PlanHierarchy } from '../plan-types.js'
import type { LimitsRecipe, PriorityRecipe } from '../recipe.js'
import type { CgroupFacts } from './facts.js'
import { type CgroupFigures, parseFigures } from './figures.js'
import { controllerName } from './plan.js'
import { cgroupRequests, type FileValue } from './requests.js'

/** A hierarchy of the plan with the leaf that this command got in it. */
export interface Leaf {
  readonly hierarchy: PlanHierarchy
  readonly path: string
}

const FREEZE_TIMEOUT_MS = 5000

function code(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}

function gone(error: unknown): boolean {
  return code(error) === 'ENOENT' || code(error) === 'ENODEV'
}

/** Stops (`true`) or continues all processes of the leaf, and waits until the kernel says so (`cgroup.freeze`, 5.2). */
export async function setFrozen(leaves: readonly Leaf[], frozen: boolean): Promise<void> {
  const operation = frozen ? 'freeze()' : 'thaw()'
  const leaf = leaves.find(({ hierarchy }) => hierarchy.version === 2)
  if (!leaf) {
    throw new SandboxUnsupportedError(
      operation,
      'it needs a cgroup v2 hierarchy.',
      'Mount cgroup2 and give this user a group in it.',
    )
  }
  const wanted = `frozen ${frozen ? 1 : 0}`
  try {
    await writeFile(`${leaf.path}/cgroup.freeze`, frozen ? '1' : '0')
    const deadline = performance.now() + FREEZE_TIMEOUT_MS
    for (let pauseMs = 0; ; pauseMs = Math.min(20, pauseMs + 1)) {
      const events = await readFile(`${leaf.path}/cgroup.events`, 'utf8')
      if (events.includes(wanted)) return
      // Nobody is left to freeze: the program ended meanwhile.
      if (events.includes('populated 0')) throw endedError(operation)
      if (performance.now() > deadline) break
      if (pauseMs > 0) await sleep(pauseMs)
    }
  } catch (error) {
    throw gone(error) ? endedError(operation) : error
  }
  throw new SandboxUnsupportedError(
    operation,
    `the kernel did not report '${wanted}' within ${FREEZE_TIMEOUT_MS} ms.`,
    'A process may be in an uninterruptible sleep; try again.',
  )
}

const LIVE_FILES: Record<1 | 2, Record<string, readonly string[]>> = {
  1: {
    memory: ['memory.usage_in_bytes', 'memory.max_usage_in_bytes'],
    pids: ['pids.current', 'pids.peak'],
    blkio: ['blkio.throttle.io_service_bytes_recursive'],
    cpuacct: ['cpuacct.usage'],
  },
  2: {
    memory: ['memory.current', 'memory.peak'],
    pids: ['pids.current', 'pids.peak'],
    io: ['io.stat'],
  },
}

function liveFiles({ version, controllers }: PlanHierarchy): string[] {
  const files = controllers.flatMap((controller) => LIVE_FILES[version][controller] ?? [])
  // Pressure is no controller's: each v2 group has it, where the kernel keeps it at all.
  return version === 2 ? ['cpu.stat', 'cpu.pressure', 'memory.pressure', 'io.pressure', ...files] : files
}

async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch {
    return undefined
  }
}

/** The figures of all joined groups as they are now. */
export async function readFigures(leaves: readonly Leaf[]): Promise<CgroupFigures> {
  const reads = leaves.flatMap(({ hierarchy, path }) =>
    liveFiles(hierarchy).map(async (file) => [file, await readOptional(`${path}/${file}`)] as const),
  )
  return parseFigures(await Promise.all(reads))
}

async function writeAll(path: string, files: readonly FileValue[]): Promise<void> {
  for (const { file, value, optional } of files) {
    try {
      await writeFile(`${path}/${file}`, value)
    } catch (error) {
      if (!(optional && code(error) === 'ENOENT')) throw error
    }
  }
}

async function apply(path: string, files: readonly FileValue[]): Promise<void> {
  try {
    await writeAll(path, files)
  } catch (error) {
    // v1 refuses a memory limit above memory + swap: upwards the two are written the other way round.
    if (code(error) !== 'EINVAL' || files.length < 2) throw error
    await writeAll(path, [...files].reverse())
  }
}

/** Writes new limits into the leaves of a live sandbox; all are checked before the first is written. */
export async function writeLimits(
  leaves: readonly Leaf[],
  facts: CgroupFacts,
  swapInUse: boolean,
  limits: LimitsRecipe,
  priority: PriorityRecipe,
): Promise<void> {
  const writes: [path: string, files: readonly FileValue[]][] = []
  for (const { feature, controller, files } of cgroupRequests(limits, priority, true)) {
    const leaf = leaves.find(({ hierarchy }) => hierarchy.controllers.includes(controllerName(hierarchy, controller)))
    const hierarchy = leaf && facts.hierarchies.find(({ base }) => base === leaf.hierarchy.base)
    if (!leaf || !hierarchy) {
      throw new SandboxUnsupportedError(
        feature,
        `this sandbox did not join the ${controller} controller, and joining later would not count what it has used.`,
        'Name the limit in the recipe, with a generous value, to change it later.',
      )
    }
    const values = files(hierarchy, swapInUse)
    if (typeof values === 'string')
      throw new SandboxUnsupportedError(feature, values, 'Leave the option out, or use a host with cgroup v2.')
    writes.push([leaf.path, values])
  }
  try {
    for (const [path, files] of writes) await apply(path, files)
  } catch (error) {
    throw gone(error) ? endedError('setLimits()') : error
  }
}
