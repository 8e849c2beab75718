// Which cgroup hierarchies there are and where this process is in them: pure functions of two texts from /proc.

/** A mounted hierarchy and this process's own group in it. */
export interface MountedHierarchy {
  readonly version: 1 | 2
  /** v1: the controllers it was mounted with. v2: empty, the group itself says. */
  readonly controllers: readonly string[]
  /** The directory of this process's own group. */
  readonly base: string
}

interface Mount {
  readonly root: string
  readonly point: string
  readonly type: string
  readonly options: readonly string[]
}

// proc_pid_mountinfo(5): blanks and backslashes are written as \ooo.
function unescapePath(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
}

function parseMounts(mountinfo: string): Mount[] {
  const mounts: Mount[] = []
  for (const line of mountinfo.split('\n')) {
    const [left, right] = line.split(' - ')
    const fields = left?.split(' ') ?? []
    const [type, , options] = right?.split(' ') ?? []
    if (type !== 'cgroup' && type !== 'cgroup2') continue
    mounts.push({
      root: unescapePath(fields[3] ?? ''),
      point: unescapePath(fields[4] ?? ''),
      type,
      options: options?.split(',') ?? [],
    })
  }
  return mounts
}

/**
 * The directory of group `path` under a mount that shows the hierarchy from `root` on, or `undefined` when the mount
 * does not reach it. A path with `..` is outside the cgroup namespace, and cannot be worked in.
 */
function locate(mount: Mount, path: string): string | undefined {
  if (`${mount.root}/`.includes('/../') || `${path}/`.includes('/../')) return undefined
  if (mount.root === '/') return path === '/' ? mount.point : mount.point + path
  if (path === mount.root) return mount.point
  return path.startsWith(`${mount.root}/`) ? mount.point + path.slice(mount.root.length) : undefined
}

/** Hierarchies from `/proc/self/cgroup` and `/proc/self/mountinfo`, v2 first, then v1 in the order of the first text. */
export function parseHierarchies(cgroup: string, mountinfo: string): MountedHierarchy[] {
  const mounts = parseMounts(mountinfo)
  const found: MountedHierarchy[] = []
  for (const line of cgroup.split('\n')) {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line)
    if (!match) continue
    const controllers = (match[2] as string).split(',').filter((name) => name !== '' && !name.startsWith('name='))
    const version = match[1] === '0' ? 2 : 1
    if (version === 1 && controllers.length === 0) continue
    for (const mount of mounts) {
      const here =
        version === 2
          ? mount.type === 'cgroup2'
          : mount.type === 'cgroup' && controllers.every((name) => mount.options.includes(name))
      const base = here ? locate(mount, match[3] as string) : undefined
      if (base === undefined) continue
      found.push({ version, controllers, base })
      break
    }
  }
  return found.sort((a, b) => b.version - a.version)
}
