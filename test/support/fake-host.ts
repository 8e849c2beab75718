// A directory tree that stands for the `/` of a host this machine is not: for what no test may switch for the whole machine.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { TestContext } from './suite.js'

const STATUS = (uid: number, capabilities: string, seccomp: number) =>
  `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${capabilities}\nSeccomp:\t${seccomp}\n`

export interface FakeHost {
  /** Files by their path below `/`. */
  readonly files?: Readonly<Record<string, string>>
  /** @default '6.8.0-45-generic' */
  readonly release?: string
  /** The caller's. @default that of this process, which owns the files */
  readonly uid?: number
  /** The mask of the effective set. @default '0' */
  readonly capabilities?: string
  /** @default false */
  readonly seccompFilter?: boolean
  /** Lines of mountinfo besides that of `/`. */
  readonly mounts?: readonly string[]
  /** @default false */
  readonly chrooted?: boolean
  /** @default all eight */
  readonly namespaces?: readonly string[]
}

const ALL = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'pid_for_children', 'time', 'time_for_children', 'user', 'uts']

/** Makes the tree in a directory of the test's own. */
export function fakeHost(t: TestContext, host: FakeHost = {}): string {
  const root = t.tempDir()
  const { uid = process.getuid?.() ?? 0 } = host
  const { release = '6.8.0-45-generic', capabilities = '0', seccompFilter = false, namespaces = ALL } = host
  const rootMount = host.chrooted ? [] : ['21 1 8:1 / / rw - ext4 /dev/sda1 rw']
  const files: Record<string, string> = {
    'proc/sys/kernel/osrelease': `${release}\n`,
    'proc/self/status': STATUS(uid, capabilities, seccompFilter ? 2 : 0),
    'proc/self/mountinfo': [...rootMount, '22 21 0:5 / /proc rw - proc proc rw', ...(host.mounts ?? []), ''].join('\n'),
    'proc/self/uid_map': '         0          0 4294967295\n',
    'proc/self/cgroup': '0::/user.slice\n',
    'proc/filesystems': 'nodev\tproc\n\text4\nnodev\toverlay\n',
    'proc/version': 'Linux version 6.8.0\n',
    ...host.files,
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  mkdirSync(join(root, 'proc/self/ns'), { recursive: true })
  for (const name of namespaces) symlinkSync(`${name}:[4026531834]`, join(root, 'proc/self/ns', name))
  return root
}
