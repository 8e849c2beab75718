// One virtual machine: boots, runs a command of the guest, ends.
//
//   this process ── qemu ── ttyS0: the kernel's console, into a file, told when the guest fails
//              │       ├──── ttyS1: the command's output, to this process's standard output as it comes
//              │       ├──── ttyS2: the command's exit status, into a file
//              │       └──── vda ext4 for temporary files, vdb swap, vdc a slow ext4: sparse files
//              └─ virtiofsd ─ socket ─ qemu: the host's /, mounted read-only by the guest
//
// Everything lives in one scratch directory, which goes with the machine. Both programs get PR_SET_PDEATHSIG (setpriv), so
// that they end also when this process is killed.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { compileInto } from './compiled.js'
import { type Arch, type Kernel, output, type Tools } from './host-tools.js'

export interface MachineOptions {
  readonly cpus: number
  readonly memoryMib: number
  /** `kvm` is as fast as the host; `tcg` emulates, and works everywhere. */
  readonly accelerator: 'kvm' | 'tcg'
  /** Of the whole life of the machine. */
  readonly timeoutMs: number
  /** Ends the machine when it is aborted. */
  readonly signal: AbortSignal
  /** Gets the command's output as it comes. */
  write(chunk: Buffer): void
}

/** Where the guest's root is on the host, and the busybox that starts it: the host's own, or another userland. */
export interface GuestRoot {
  readonly path: string
  readonly busybox: string
}

/** A command of the guest, run by root in the checkout's directory with these variables and no others. */
export interface GuestCommand {
  readonly checkout: string
  readonly root: GuestRoot
  readonly env: Readonly<Record<string, string>>
  readonly argv: readonly string[]
}

const MODULES = ['virtio_pci', 'virtiofs', 'overlay', 'virtio_blk', 'bfq', 'loop']
const SLOW_DISK_BPS = 16 * 2 ** 20
const HERE = fileURLToPath(new URL('.', import.meta.url))
/** session.sh's own, as it is `env`'s and `timeout`'s. */
const FAILED_SESSION = '125'

/** Runs a command in a machine of its own; resolves with its exit status. */
export async function runInMachine(
  tools: Tools,
  kernel: Kernel,
  command: GuestCommand,
  options: MachineOptions,
): Promise<number> {
  const scratch = mkdtempSync(join(tmpdir(), 'cofferdam-vm-'))
  const children: ChildProcess[] = []
  const start = (file: string, args: readonly string[]) => {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    children.push(child)
    return child
  }
  try {
    const initrd = packInitramfs(scratch, kernel, command)
    const socket = join(scratch, 'virtiofs')
    const sharing = start(tools.virtiofsd, [
      ...['-o', 'source=/', '-o', 'cache=always', '-o', 'sandbox=chroot'],
      `--socket-path=${socket}`,
    ])
    const sharingSaid = collect(sharing)
    await appears(socket, sharing, sharingSaid)

    const [console, status] = [join(scratch, 'console'), join(scratch, 'status')]
    const machine = start(tools.qemu, [
      ...machineArguments(options, socket),
      ...processorArguments(tools.arch, options, console, status),
      ...makeDisks(scratch),
      ...['-kernel', kernel.image, '-initrd', initrd],
    ])
    machine.stdout?.on('data', (chunk: Buffer) => options.write(chunk))
    const said = collect(machine, 'stderr')
    await endOf(machine, options)
    const answer = /^\d+$/m.exec(readFileSync(status, 'utf8'))?.[0]
    if (answer === undefined || answer === FAILED_SESSION)
      throw new Error(`The guest did not run its command.\n${said.text}${tail(console)}`)
    return Number(answer)
  } finally {
    await Promise.all(children.map(stop))
    rmSync(scratch, { recursive: true, force: true })
  }
}

function packInitramfs(scratch: string, kernel: Kernel, { checkout, root: guest, env, argv }: GuestCommand): string {
  const root = join(scratch, 'initramfs')
  mkdirSync(join(root, 'modules'), { recursive: true })
  mkdirSync(join(root, 'bin'))
  copyFileSync(guest.busybox, join(root, 'bin/busybox'))
  copyFileSync(join(HERE, 'init.sh'), join(root, 'init'))
  chmodSync(join(root, 'init'), 0o755)
  copyFileSync(join(HERE, 'session.sh'), join(root, 'session.sh'))
  compileInto(join(root, 'compiled'), checkout)
  const variables = Object.entries(env).map(([name, value]) => `export ${name}=${quote(value)}\n`)
  writeFileSync(
    join(root, 'command.sh'),
    `ROOT=${quote(checkout)}\nGUEST=${quote(guest.path)}\n${variables.join('')}mkdir -p "$HOME" && cd "$ROOT" && exec ${argv.map(quote).join(' ')}\n`,
  )
  kernel.modules(MODULES).forEach((file, index) => {
    // In the order of their names init.sh loads them.
    copyFileSync(file, join(root, 'modules', `${String(index).padStart(3, '0')}-${basename(file)}`))
  })
  const initrd = join(scratch, 'initrd')
  output('sh', ['-c', `find . | cpio --quiet --create --format=newc > ${quote(initrd)}`], { cwd: root })
  return initrd
}

function machineArguments({ cpus, memoryMib, accelerator }: MachineOptions, socket: string): string[] {
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-accel', accelerator, '-smp', String(cpus)],
    // virtiofsd reads and writes the guest's memory: it must be shared.
    ...['-m', String(memoryMib), '-object', `memory-backend-memfd,id=memory,size=${memoryMib}M,share=on`],
    ...['-numa', 'node,memdev=memory'],
    ...['-chardev', `socket,id=host,path=${socket}`, '-device', 'vhost-user-fs-pci,chardev=host,tag=host'],
  ]
}

/** The processor, its board, and the three serial ports. */
function processorArguments(arch: Arch, { accelerator }: MachineOptions, console: string, status: string): string[] {
  if (arch === 'x64')
    return [
      ...['-M', 'q35', '-cpu', accelerator === 'kvm' ? 'host' : 'max', '-append', 'console=ttyS0 panic=-1 quiet'],
      ...['-serial', `file:${console}`, '-serial', 'stdio', '-serial', `file:${status}`],
    ]
  return [
    // Pointers are signed in a way that is cheap to emulate.
    ...['-M', 'virt,gic-version=3', '-cpu', 'max,pauth-impdef=on', '-append', 'console=ttyAMA0 panic=-1 quiet'],
    // The board has one port; the others are ttyS0 and ttyS1 there.
    ...['-serial', `file:${console}`, '-chardev', 'stdio,id=output', '-device', 'pci-serial,chardev=output'],
    ...['-chardev', `file,id=status,path=${status}`, '-device', 'pci-serial,chardev=status'],
  ]
}

/**
 * In the order vda, vdb, vdc. Nothing on them outlives the machine, so nothing need be flushed. The last is slow, so that
 * it is the disk that two who use it compete for, and not the emulator's time.
 */
function makeDisks(scratch: string): string[] {
  const make = (name: string, size: string, ...format: string[]) => {
    const file = join(scratch, name)
    output('truncate', ['-s', size, file])
    chmodSync(file, 0o600)
    const [program = '', ...args] = format
    output(program, [...args, file])
    return `if=virtio,format=raw,cache=unsafe,file=${file}`
  }
  const ext4 = ['mkfs.ext4', '-q', '-F', '-O', '^has_journal', '-m', '0']
  const disks = [
    make('temporary', '4G', ...ext4),
    make('swap', '512M', 'mkswap', '-q'),
    `${make('slow', '256M', ...ext4)},throttling.bps-total=${SLOW_DISK_BPS}`,
  ]
  return disks.flatMap((drive) => ['-drive', drive])
}

async function appears(path: string, server: ChildProcess, said: { text: string }): Promise<void> {
  const deadlineMs = performance.now() + 10_000
  while (!existsSync(path)) {
    if (server.exitCode !== null || performance.now() > deadlineMs)
      throw new Error(`virtiofsd did not start: ${said.text.trim()}`)
    await sleep(20)
  }
}

/** Throws when the time is over or the caller wants it to end. */
async function endOf(machine: ChildProcess, { timeoutMs, signal }: MachineOptions): Promise<void> {
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    await once(machine, 'close', { signal: AbortSignal.any([timeout, signal]) })
  } catch (error) {
    if (signal.aborted) throw new Error(`Ended by ${signal.reason}`)
    throw timeout.aborted ? new Error(`The machine did not end within ${timeoutMs / 60_000} minutes.`) : error
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

function collect(child: ChildProcess, stream: 'stderr' | 'both' = 'both'): { text: string } {
  const collected = { text: '' }
  const keep = (chunk: Buffer) => {
    collected.text += chunk
  }
  child.stderr?.on('data', keep)
  if (stream === 'both') child.stdout?.on('data', keep)
  return collected
}

function tail(file: string): string {
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
  return ['The console said:', ...lines.slice(-40).map((line) => `  ${line.trimEnd()}`)].join('\n')
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}
