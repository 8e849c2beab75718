// Files of the host: descriptors and directories that leak, helpers that can be overwritten, programs with privileges.
import { chmodSync, chownSync, copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SandboxSetupError } from 'cofferdam'
import { firstText } from '../../support/boxes.js'
import { anyUser, cgroup2, root } from '../../support/host.js'
import { attackProgram } from '../../support/probe.js'
import { type Attack, lost, type Play, together, type Verdict, verdictOf } from '../attack.js'
import { hostProcess, hostVerdict, inside, secretFile, withAttack } from '../stage.js'

// Below these numbers lies all that init has open when it starts a command.
const DESCRIPTORS = Array.from({ length: 9 }, (_, i) => i + 4)
const OWNER = 23_456

/** A command that is refused before it has begun gives a reason, too. */
async function refusedOr(start: Promise<Verdict>): Promise<Verdict> {
  try {
    return await start
  } catch (error) {
    if (error instanceof SandboxSetupError && error.step === 'exec') return lost(`refused: ${error.code}`)
    throw error
  }
}

/** By way of links of the image to each descriptor: as working directory; in a box, where starts cost little, also
 * as program and as interpreter. */
const throughDescriptors: Play = async ({ t, recipe }) => {
  const secret = secretFile(t)
  const up = (fd: number) => `/link${fd}/../../../../../../../..${attackProgram()}`
  let image = recipe
  for (const fd of DESCRIPTORS)
    image = image
      .symlink(`/proc/self/fd/${fd}`, `/link${fd}`)
      .file(`/script${fd}`, `#!${up(fd)} just-won\n`, { mode: 0o755 })
  const box = await image.open()
  t.cleanUp(() => box.close())
  const verdicts: Verdict[] = []
  for (const fd of DESCRIPTORS) {
    const starts = [
      image.cwd(`/link${fd}`).run('/attack', ['leaked-directories', secret]),
      box.run(up(fd), ['just-won']),
      box.run(`/script${fd}`),
    ]
    verdicts.push(...(await Promise.all(starts.map((start) => refusedOr(start.then(verdictOf))))))
  }
  const boxAtLink = await image.cwd('/link9').open()
  t.cleanUp(() => boxAtLink.close())
  return together([
    ...verdicts,
    await refusedOr(boxAtLink.run('/attack', ['leaked-directories', secret]).then(verdictOf)),
  ])
}

/** As runtimes had it: the root is changed, and a directory of the host is open. */
const leakyChroot: Play = ({ t }) => {
  const script = 'exec chroot "$1" /attack leaked-directories "$2" 9</'
  return hostVerdict('sh', ['-c', script, 'sh', withAttack(t.tempDir()), secretFile(t)])
}

/** What the image has linked to /proc/self/exe is executed again and again; another command waits for it. */
const overwriteInit: Play = async ({ t, recipe }) => {
  const box = await recipe.symlink('/proc/self/exe', '/entry').open()
  t.cleanUp(() => box.close())
  let over = false
  const attack = box.run('/attack', ['overwrite-helper', '0', '500']).finally(() => {
    over = true
  })
  // As a command init has no channel, and waits.
  while (!over) {
    const entry = await box.spawn('/entry', [], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
    await sleep(10)
    entry.kill('SIGKILL')
    await entry.wait()
  }
  return verdictOf(await attack)
}

/** A helper that is a file, and that its program may look into. */
const overwriteHelper: Play = async ({ t }) => {
  const helper = join(t.tempDir(), 'helper')
  copyFileSync(attackProgram(), helper)
  const running = hostProcess(t, helper, 'hold', '3')
  await firstText(running.stdout, '\n')
  return hostVerdict(attackProgram(), ['overwrite-helper', String(running.pid), '30000'])
}

/** A program that runs as its owner: in a layer and in a bind. */
const setUserId: Play = async ({ t, recipe }) => {
  const image = runsAsOwner(t.tempDir())
  const ids = [OWNER, 65534].map(String)
  const starts = ids.flatMap((id) => [
    recipe.rootfs(image).run('/attack', ['set-uid', '/attack', id]),
    recipe.bind(image, '/bound').run('/attack', ['set-uid', '/bound/attack', id]),
  ])
  return together((await Promise.all(starts)).map(verdictOf))
}

function runsAsOwner(directory: string): string {
  const program = join(withAttack(directory), 'attack')
  chownSync(program, OWNER, OWNER)
  chmodSync(program, 0o4755)
  return directory
}

const setUserIdOnHost: Play = ({ t }) => {
  const args = ['set-uid', join(runsAsOwner(t.tempDir()), 'attack'), String(OWNER)]
  return hostVerdict(attackProgram(), args, { uid: 12_345, gid: 12_345, cwd: '/' })
}

export const FILES: readonly Attack[] = [
  {
    name: 'CVE-2024-21626: a leaked directory of the host as working directory, program or interpreter',
    wall: 'no descriptor of a directory is left when paths are followed; the command has 0, 1 and 2',
    play: throughDescriptors,
    expect: {
      default: /^refused: \w+(, refused: \w+)*$/,
      strict: /^refused: \w+(, refused: \w+)*$/,
      off: /^refused: \w+(, refused: \w+)*$/,
    },
    control: { how: 'in a chroot with a directory left open', play: leakyChroot, needs: [root] },
    needs: [cgroup2],
  },
  {
    name: "CVE-2019-5736: the helper's image overwritten through /proc/PID/exe",
    wall: 'init is executed from a sealed memfd, static, and not dumpable',
    play: overwriteInit,
    expect: {
      default: /^(\/proc\/PID\/exe: (EACCES|ENOENT)|open the image: \w+|write to the image: EPERM)$/,
      strict: /^(\/proc\/PID\/exe: (EACCES|ENOENT)|open the image: EACCES)$/,
    },
    control: { how: 'against a helper that is a file', play: overwriteHelper },
    needs: [cgroup2],
  },
  {
    name: 'set-user-id programs',
    wall: 'layers and binds are nosuid, and no_new_privs is on',
    play: setUserId,
    expect: { default: 'execve: the same id', strict: 'execve: the same id', off: 'execve: the same id' },
    control: { how: 'as a plain child process', play: setUserIdOnHost },
    needs: [anyUser],
  },
  {
    name: 'CVE-2022-27650: inheritable capabilities',
    wall: 'all five sets are empty',
    play: inside('inherited-capabilities'),
    expect: { default: 'capget: empty', strict: 'capget: empty', off: 'capget: empty' },
    control: { how: 'with a capability kept', weaken: (recipe) => recipe.capabilities('dac_override') },
  },
  {
    name: 'files of the host by their handles',
    wall: 'seccomp; without it the kernel wants CAP_DAC_READ_SEARCH of the first user namespace',
    play: inside('open-by-handle'),
    expect: {
      default: 'violation open_by_handle_at',
      strict: /^violation (name_to|open_by)_handle_at$/,
      off: /^open_by_handle_at: (EPERM|EOPNOTSUPP)$/,
    },
    control: {
      how: 'as root of the host with that capability',
      weaken: (recipe) => recipe.share('user').capabilities('dac_read_search'),
      play: async ({ t, recipe }) => {
        const directory = withAttack(t.tempDir())
        const bound = recipe.rootfs(directory, { mode: 'writable' })
        return verdictOf(await bound.run('/attack', ['open-by-handle']))
      },
      needs: [root],
    },
  },
  {
    name: "device nodes of one's own",
    wall: 'a user namespace has no CAP_MKNOD over the host, and every mount is nodev',
    play: inside('make-device /tmp/memory'),
    expect: { default: 'mknod: EPERM', strict: /^violation mknod(at)?$/, off: 'mknod: EPERM' },
    control: {
      how: 'as root of the host with CAP_MKNOD',
      weaken: (recipe) => recipe.share('user').capabilities('mknod'),
      needs: [root],
    },
  },
]
