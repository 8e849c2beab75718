// Other sandboxes, started from Node as we would start them without this package: those that are installed.
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Contender, Programs, Starter } from '../support/types.js'
import { startGoJudge } from './go-judge.js'
import { BARE_PIPE, spawned } from './node.js'
import { makeBundle } from './oci-bundle.js'

export interface Peer {
  /** The program, looked for on the PATH and where administrators' programs are. */
  name: string
  /** How its isolation differs from this package's full sandbox. */
  differs: string
  open(path: string, programs: Programs): Promise<Starter>
}

/** A user namespace as this package makes it for root. */
const IDS = '0 100000 65536'
const FULL = 'user, pid, net, ipc, uts, cgroup and mount namespaces, read-only root, /proc, /dev, /tmp'

export const PEERS: readonly Peer[] = [
  {
    name: 'unshare',
    differs: 'all eight namespaces; chroot, /proc; no /dev, no cgroup, no seccomp, root inside keeps its capabilities',
    open: command(({ root }) => [
      ...['--user', '--map-root-user', '--mount', '--pid', '--fork', '--net', '--ipc', '--uts', '--cgroup', '--time'],
      ...['--mount-proc', '--kill-child', `--root=${root}`, '/true'],
    ]),
  },
  {
    name: 'bwrap',
    differs: `${FULL}; no time namespace, no cgroup, no seccomp`,
    open: command(({ root }) => [
      ...['--unshare-user', '--unshare-all', '--uid', '1000', '--gid', '1000', '--ro-bind', root, '/'],
      ...[
        '--proc',
        '/proc',
        '--dev',
        '/dev',
        '--tmpfs',
        '/tmp',
        '--die-with-parent',
        '--new-session',
        '--cap-drop',
        'ALL',
      ],
      '/true',
    ]),
  },
  { name: 'crun', differs: `${FULL}, cgroups of every controller; no seccomp, no time namespace`, open: container },
  { name: 'runc', differs: `${FULL}, cgroups of every controller; no seccomp, no time namespace`, open: container },
  {
    name: 'firejail',
    differs:
      "net, ipc, pid, uts, user and mount namespaces, seccomp, /dev; the host's root read-only; no time or cgroup namespace, no cgroup",
    open: command(({ program }) => [
      ...['--quiet', '--noprofile', '--net=none', '--ipc-namespace', '--noroot', '--caps.drop=all', '--seccomp'],
      ...['--private-dev', '--read-only=/', program],
    ]),
  },
  {
    name: 'systemd-nspawn',
    differs: 'all but time, seccomp, /proc, /dev, /tmp, /sys, read-only root; where systemd runs, no scope of its own',
    open: command(({ root }) => [
      ...['--quiet', `--directory=${root}`, '--read-only', '--private-network', '--private-users=100000:65536'],
      ...['--register=no', '--keep-unit', '--as-pid2', '--console=pipe', '--timezone=off', '/true'],
    ]),
  },
  {
    name: 'nsjail',
    differs:
      'user, mount, pid, net, ipc, uts, cgroup namespaces, read-only root, /proc, /tmp; no /dev, no cgroup, no seccomp',
    open: command(({ root }) => ['-Mo', '-Q', '--chroot', root, '--tmpfsmount', '/tmp', '--', '/true']),
  },
  {
    name: 'isolate',
    differs:
      'mount, pid, net and ipc namespaces, chroot, limits by rlimit; no user, uts, time or cgroup namespace, no cgroup, no seccomp',
    async open(path, programs) {
      const { root } = peerRoot(programs)
      const box = ['--box-id=999', '--silent']
      await spawned(path, [...box, '--init'])
      return {
        start: () => spawned(path, [...box, `--dir=/bench=${root}`, '--run', '--', '/bench/true']),
        close: async () => void (await spawned(path, [...box, '--cleanup'])),
      }
    },
  },
  {
    name: 'minijail0',
    differs:
      'user, mount, pid, net, ipc, uts, cgroup namespaces, pivot_root, /proc, /tmp; no /dev, no cgroup, no seccomp',
    open: command(({ root }) => [
      ...['-U', '-m', IDS, '-M', IDS, '-v', '-p', '-e', '-l', '-N', '--uts', '-n', '-r', '-t', '-P', root],
      ...['--logging=stderr', '--', '/true'],
    ]),
  },
  {
    name: 'go-judge',
    differs:
      "a server reached over HTTP that uses its containers again; its own mounts; the host's /bin/true; no user program to copy in",
    open: startGoJudge,
  },
]

/** Contenders for the peers that are installed; one that does not work here says why when it is opened. */
export function peers(only?: string): Contender[] {
  return PEERS.filter(({ name }) => only === undefined || name === only).flatMap(({ name, open }) => {
    const path = which(name)
    if (path === undefined) return []
    return {
      name,
      baseline: BARE_PIPE,
      async open(programs: Programs) {
        const starter = await open(path, programs)
        try {
          await starter.start()
        } catch (error) {
          await starter.close?.()
          throw error
        }
        return starter
      },
    }
  })
}

export function which(name: string): string | undefined {
  return [process.env.PATH, '/usr/local/sbin', '/usr/sbin', '/sbin']
    .join(delimiter)
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path))
}

function command(argsOf: (paths: { root: string; program: string }) => readonly string[]): Peer['open'] {
  return async (path, programs) => {
    const args = argsOf({ ...peerRoot(programs), program: programs.true })
    return { start: () => spawned(path, args) }
  }
}

async function container(path: string, programs: Programs): Promise<Starter> {
  const bundle = makeBundle(peerRoot(programs).root)
  let count = 0
  return { start: () => spawned(path, ['run', '--bundle', bundle, `cofferdam-bench-${process.pid}-${count++}`]) }
}

/** A root with the places that peers mount things on, and what nspawn takes for a sign of an operating system. */
function peerRoot(programs: Programs): { root: string } {
  const root = mkdtempSync(join(tmpdir(), 'peer-root-'))
  chmodSync(root, 0o755)
  for (const directory of ['proc', 'dev', 'tmp', 'sys', 'run', 'etc', 'usr', 'usr/lib', 'root', 'var'])
    mkdirSync(join(root, directory))
  writeFileSync(join(root, 'usr/lib/os-release'), 'ID=bench\n')
  copyFileSync(programs.true, join(root, 'true'))
  return { root }
}
