// What the host must have to run a virtual machine: programs, and a kernel, which is downloaded from the host's own Debian
// repositories, unpacked, never installed, and kept in the cache.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const CACHE = fileURLToPath(new URL('../../node_modules/.cache/cofferdam/vm/', import.meta.url))

export const DEFAULT_KERNEL = 'linux-image-cloud-amd64'

export type Arch = 'x64' | 'arm64'

export interface Tools {
  /** Of the guest. */
  readonly arch: Arch
  readonly qemu: string
  readonly virtiofsd: string
  readonly busybox: string
}

export interface Kernel {
  /** Such as `6.1.0-56-cloud-amd64`. */
  readonly release: string
  readonly image: string
  /** Files in the order in which they must be loaded. */
  modules(names: readonly string[]): string[]
}

const SYSTEM_PATH = [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter)

/** The programs; throws an error with the remedy where one is missing. */
export function findTools(arch: Arch): Tools {
  if (process.arch !== 'x64')
    throw new Error(`The virtual machine needs a host that is x86_64; this is ${process.arch}.`)
  if (process.getuid?.() !== 0) throw new Error('The virtual machine needs root: virtiofsd shares / with it.')
  const missing = new Set<string>()
  const need = (name: string, debianPackage: string): string => {
    const path = which(name)
    if (path === undefined) missing.add(debianPackage)
    return path ?? ''
  }
  const tools = {
    arch,
    qemu:
      arch === 'x64' ? need('qemu-system-x86_64', 'qemu-system-x86') : need('qemu-system-aarch64', 'qemu-system-arm'),
    // A package of its own from Debian 13 on; before, in QEMU's.
    virtiofsd: ['/usr/libexec/virtiofsd', '/usr/lib/qemu/virtiofsd'].find((path) => existsSync(path)) ?? '',
    busybox: need('busybox', 'busybox-static'),
  }
  if (!tools.virtiofsd) missing.add('virtiofsd (Debian 12: qemu-system-common)')
  if (tools.busybox && !isStatic(tools.busybox)) missing.add('busybox-static')
  for (const [name, debianPackage] of Object.entries({
    cpio: 'cpio',
    depmod: 'kmod',
    modprobe: 'kmod',
    'mkfs.ext4': 'e2fsprogs',
    mkswap: 'util-linux',
    setpriv: 'util-linux',
    'dpkg-deb': 'dpkg',
    'apt-get': 'apt',
  }))
    need(name, debianPackage)
  if (missing.size > 0) {
    const packages = [...missing]
    throw new Error(
      `The virtual machine needs: ${packages.join(', ')}.\n` +
        `apt-get install --no-install-recommends ${packages.map((name) => name.split(' ')[0]).join(' ')}`,
    )
  }
  return tools
}

/** A program's output; throws with what it said where it fails. */
export function output(file: string, args: readonly string[], options: { cwd?: string; input?: string } = {}): string {
  try {
    return execFileSync(file, args, {
      encoding: 'utf8',
      env: { ...process.env, PATH: SYSTEM_PATH, LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 1 << 28,
      ...options,
    })
  } catch (error) {
    const { stderr = '', message } = error as { stderr?: string; message: string }
    throw new Error(`${file} ${args.join(' ')}: ${stderr.trim() || message}`)
  }
}

/** What apt's programs are told besides, for packages of another architecture. */
export type AptOptions = (...args: string[]) => string[]

/** The kernel of a Debian package, or of the one that a metapackage depends on; downloaded when it is not in the cache. */
export function findKernel(name: string, log: (line: string) => void, apt: AptOptions = (...args) => args): Kernel {
  mkdirSync(CACHE, { recursive: true })
  const link = /^linux-image-\d/.test(name) ? name : imagePackage(name, apt)
  const directory = join(CACHE, link)
  if (!existsSync(directory)) download(link, directory, log, apt)
  const release = readdirSync(join(directory, 'lib/modules'))[0] ?? ''
  return {
    release,
    image: join(directory, 'boot', `vmlinuz-${release}`),
    modules(names) {
      const shown = names.map((module) =>
        output('modprobe', ['-C', '/dev/null', '-d', directory, '-S', release, '--show-depends', module]),
      )
      const files = shown.flatMap((text) => [...text.matchAll(/^insmod (\S+)/gm)].map(([, file = '']) => file))
      return [...new Set(files)]
    },
  }
}

/** The newest image that the repositories have; without them, the newest that was downloaded before. */
function imagePackage(metapackage: string, apt: AptOptions): string {
  const depends = spawnSync('apt-cache', apt('depends', metapackage), { encoding: 'utf8' }).stdout ?? ''
  const found = /Depends: (linux-image-\d\S*)/.exec(depends)?.[1]
  const cached = readdirSync(CACHE).filter(
    (entry) => entry.startsWith('linux-image-') && entry.endsWith(metapackage.replace(/^.*(?=-cloud)/, '')),
  )
  const name = found ?? cached.sort(new Intl.Collator('en', { numeric: true }).compare).at(-1)
  if (name === undefined)
    throw new Error(`No package ${metapackage} is known here. Run apt-get update, or name another one with --kernel.`)
  return name
}

function download(name: string, directory: string, log: (line: string) => void, apt: AptOptions): void {
  log(`downloading ${name}`)
  const unfinished = mkdtempSync(join(CACHE, 'unfinished-'))
  try {
    output('apt-get', apt('download', '-qq', name), { cwd: unfinished })
    const [archive = ''] = readdirSync(unfinished)
    output('dpkg-deb', ['-x', archive, 'root'], { cwd: unfinished })
    const root = join(unfinished, 'root')
    // Since Debian 13 everything is below /usr.
    if (!existsSync(join(root, 'lib')) && existsSync(join(root, 'usr/lib/modules')))
      renameSync(join(root, 'usr/lib'), join(root, 'lib'))
    const [release = ''] = readdirSync(join(root, 'lib/modules'))
    output('depmod', ['-b', root, release])
    renameSync(root, directory)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

function which(name: string): string | undefined {
  return SYSTEM_PATH.split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path))
}

function isStatic(file: string): boolean {
  return /not a dynamic executable|statically linked/.test(
    (({ stdout, stderr }) => `${stdout}${stderr}`)(spawnSync('ldd', [file], { encoding: 'utf8' })),
  )
}
