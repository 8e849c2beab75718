// The suite in a virtual machine: a Debian kernel with cgroup v2 alone and all of its controllers, whatever the host has.
//
//   npm run test:vm                                        everything
//   npm run test:vm -- test/sandbox/limits-cpu.test.ts     these files; all arguments of `npm test`
//   npm run test:vm -- --as-user test/sandbox/files.test.ts   the same as an ordinary user: test/rootless.ts
//   npm run test:vm -- --cpus 2 --memory 2048              the machine's size
//   npm run test:vm -- --kernel linux-image-6.12-cloud-amd64
//   npm run test:vm -- --arch arm64 test/sandbox/stdio.test.ts   an emulated arm64 machine with a small userland of its own
//   npm run test:vm -- --command 'cat /proc/version'       a command of the guest instead of the suite
//
// The guest uses the checkout, the Node and the tools of the host, read-only over virtiofs; nothing is built in it. In it
// everything must work (COFFERDAM_MUST_WORK=1): a skip is a failure; but as an ordinary user, where what needs root is
// skipped. The last line is `N passed, N failed, N skipped`.
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { buildWorkers } from '../../bench/support/build.js'
import { compilePrograms } from '../../bench/support/programs.js'
import {
  attackProgram,
  compileFixturesFor,
  faultsProgram,
  forkFirst,
  oldKernel,
  outerFilter,
  probe,
  seccompFixture,
  staticTrue,
} from '../support/probe.js'
import { ARM64_KERNEL, arm64Apt, arm64Userland, updateArm64Lists } from './arm64.js'
import { type Arch, DEFAULT_KERNEL, findKernel, findTools } from './host-tools.js'
import { type GuestCommand, type GuestRoot, runInMachine } from './machine.js'

const ROOT = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '')

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    cpus: { type: 'string', default: '2' },
    memory: { type: 'string', default: '2048' },
    timeout: { type: 'string', default: '90' },
    accel: { type: 'string' },
    arch: { type: 'string', default: 'x64' },
    kernel: { type: 'string' },
    command: { type: 'string' },
    slow: { type: 'string' },
    'as-user': { type: 'boolean', default: false },
    tier: { type: 'string', multiple: true },
    grep: { type: 'string' },
  },
})

const aborting = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => aborting.abort(signal))

try {
  process.exitCode = await main()
} catch (error) {
  console.error(`cofferdam-vm: ${(error as Error).message}`)
  process.exitCode = 1
}

async function main(): Promise<number> {
  const arch = chooseArch()
  const accelerator = chooseAccelerator(arch)
  const tools = findTools(arch)
  if (arch === 'arm64') {
    if (!existsSync(`${ROOT}/prebuilds/linux-arm64/cofferdam.node`))
      throw new Error('There is no addon for arm64: npm run prebuild -- linux-arm64')
    compileFixturesFor('arm64')
    updateArm64Lists(log)
  }
  const kernel =
    arch === 'arm64'
      ? findKernel(flags.kernel ?? ARM64_KERNEL, log, arm64Apt)
      : findKernel(flags.kernel ?? DEFAULT_KERNEL, log)
  const userland = arch === 'arm64' ? arm64Userland(ROOT, tools.busybox, log) : undefined
  const root =
    userland === undefined
      ? { path: '/', busybox: tools.busybox }
      : { path: userland, busybox: `${userland}/bin/busybox` }
  // The guest cannot write to the cache of fixtures, nor beside the benchmark.
  buildWorkers()
  compilePrograms()
  for (const compile of [attackProgram, faultsProgram, forkFirst, oldKernel, outerFilter, probe, staticTrue]) compile()
  for (const source of ['caller.c', 'timing.c', 'under-listener.c'] as const)
    for (const linkage of ['static', 'dynamic'] as const) seccompFixture(source, linkage)
  log(`Linux ${kernel.release}, ${flags.cpus} CPUs, ${flags.memory} MiB, ${accelerator}`)
  return runInMachine(tools, kernel, guestCommand(accelerator, root), {
    cpus: positive('cpus'),
    memoryMib: positive('memory'),
    accelerator,
    timeoutMs: positive('timeout') * 60_000,
    signal: aborting.signal,
    write: (chunk) => process.stdout.write(chunk),
  })
}

function chooseArch(): Arch {
  if (flags.arch === 'x64' || flags.arch === 'arm64') return flags.arch
  throw new Error(`Expected x64 or arm64 for --arch, got ${flags.arch}`)
}

function guestCommand(accelerator: 'kvm' | 'tcg', root: GuestRoot): GuestCommand {
  const node = root.path === '/' ? process.execPath : '/usr/local/bin/node'
  const passed = ['tier', 'grep'] as const
  const options = passed.flatMap((name) => [flags[name] ?? []].flat().map((value) => `--${name}=${value}`))
  return {
    checkout: ROOT,
    root,
    env: {
      PATH: `${dirname(node)}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: '/tmp/home',
      TMPDIR: '/var/tmp',
      LANG: 'C.UTF-8',
      CI: 'true',
      COFFERDAM_MUST_WORK: '1',
      COFFERDAM_VM: '1',
      COFFERDAM_SLOW: flags.slow ?? (accelerator === 'kvm' ? '1' : '8'),
    },
    argv:
      flags.command === undefined
        ? [node, flags['as-user'] ? 'test/rootless.js' : 'test/run.js', ...options, ...positionals]
        : ['sh', '-c', flags.command],
  }
}

/** KVM where the processor has it. Some hosts have /dev/kvm without that, and guests hang on it. */
function chooseAccelerator(arch: Arch): 'kvm' | 'tcg' {
  if (arch !== process.arch) return 'tcg'
  if (flags.accel === 'kvm' || flags.accel === 'tcg') return flags.accel
  if (flags.accel !== undefined) throw new Error(`Expected kvm or tcg for --accel, got ${flags.accel}`)
  const virtualizes = /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'))
  return virtualizes && isWritable('/dev/kvm') ? 'kvm' : 'tcg'
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

function positive(name: 'cpus' | 'memory' | 'timeout'): number {
  const value = Number(flags[name])
  if (Number.isSafeInteger(value) && value > 0) return value
  throw new Error(`Expected a whole number above 0 for --${name}, got ${flags[name]}`)
}

function log(line: string): void {
  console.error(`cofferdam-vm: ${line}`)
}
