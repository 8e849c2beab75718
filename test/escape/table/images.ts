// Images made by an attacker, and directories that it changes meanwhile: links where the sandbox mounts, covers and writes.
import { chmodSync, chownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Sandbox } from 'cofferdam'
import { firstText } from '../../support/boxes.js'
import { root } from '../../support/host.js'
import { attackProgram } from '../../support/probe.js'
import type { TestContext } from '../../support/suite.js'
import { type Attack, lost, type Play, together, type Verdict, verdictOf, verdictOfEnd, won } from '../attack.js'
import { anotherRun, hostVerdict, inOwnMounts, inside, SECRET, secretFile, withAttack } from '../stage.js'

const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty', 'console', 'ptmx', 'pts', 'shm', 'mqueue']

/** An image whose devices are links, as a container runtime would find them. */
function imageWithDevices(t: TestContext, target: string): string {
  const image = withAttack(t.tempDir())
  mkdirSync(join(image, 'dev'))
  for (const name of DEVICES) symlinkSync(target, join(image, 'dev', name))
  return image
}

/** A path that is masked, in an image where links stand for what container runtimes take their masks from. */
const maskFromImage: Play = async ({ t, recipe }) => {
  const image = imageWithDevices(t, secretFile(t))
  writeFileSync(join(image, 'covered'), SECRET)
  const masking = recipe.rootfs(image, { mode: 'writable' }).mask('/covered')
  return verdictOf(await masking.run('/attack', ['masked', '/covered', SECRET]))
}

const maskNaively: Play = async ({ t }) => {
  const script =
    'touch "$1/covered"; mount --bind "$1/dev/null" "$1/covered"; exec chroot "$1" /attack masked /covered "$2"'
  return inOwnMounts(script, imageWithDevices(t, secretFile(t)), SECRET)
}

/** Devices that are links, and a /dev that is one itself. */
const devicesOfImage: Play = async ({ t, recipe }) => {
  const links = imageWithDevices(t, '/attack')
  const elsewhere = withAttack(t.tempDir())
  mkdirSync(join(elsewhere, 'elsewhere'))
  symlinkSync('/elsewhere', join(elsewhere, 'dev'))
  const images: Sandbox[] = [recipe.rootfs(links), recipe.rootfs(elsewhere), recipe.rootfs(links, { mode: 'writable' })]
  return together((await Promise.all(images.map((image) => image.run('/attack', ['false-devices'])))).map(verdictOf))
}

/** An image whose /proc has a link where a runtime writes to, or is one. */
function imageWithProc(t: TestContext): string {
  const image = withAttack(t.tempDir())
  mkdirSync(join(image, 'proc/self/attr'), { recursive: true })
  writeFileSync(join(image, 'trap'), '')
  symlinkSync('/trap', join(image, 'proc/self/attr/exec'))
  return image
}

const procOfImage: Play = async ({ t, recipe }) => {
  const elsewhere = withAttack(t.tempDir())
  mkdirSync(join(elsewhere, 'fake/self/attr'), { recursive: true })
  symlinkSync('/fake', join(elsewhere, 'proc'))
  const image = imageWithProc(t)
  const images = [image, elsewhere].map((directory) => recipe.rootfs(directory, { mode: 'writable' }))
  const verdicts = (await Promise.all(images.map((where) => where.run('/attack', ['false-proc'])))).map(verdictOf)
  const redirected = readFileSync(join(image, 'trap'), 'utf8')
  return redirected === '' ? together(verdicts) : won(`something was written: ${redirected}`)
}

const procNaively: Play = ({ t }) =>
  hostVerdict('chroot', [imageWithProc(t), '/attack', 'write-proc-naively', '/proc/self/attr/exec'])

const ROUNDS = 20

/** A directory with a mount target, a link beside it, and where that would lead on the host. */
function contested(t: TestContext): { image: string; outside: string } {
  const image = withAttack(t.tempDir())
  chmodSync(image, 0o777)
  const outside = t.tempDir()
  mkdirSync(join(image, 'target'))
  symlinkSync(outside, join(image, 'link'))
  return { image, outside }
}

/** One run exchanges a mount target and a link, all the time, while others are mounting there. */
const exchangeTarget: Play = async ({ t, recipe }) => {
  const { image, outside } = contested(t)
  const shared = recipe.rootfs(image, { mode: 'writable' })
  const source = dirname(secretFile(t))
  const attacker = await anotherRun(t, shared, 'exchange /target /link 20000')
  const begun = await firstText(attacker.stdout, '\n')
  if (begun === '') return verdictOfEnd(await attacker.wait(), begun)
  // Inside, the link leads somewhere too, so that there is always a place to mount.
  const bound = shared.seccomp('default').bind(t.tempDir(), outside).bind(source, '/target')
  const verdicts: Verdict[] = []
  for (let round = 0; round < ROUNDS; round++)
    verdicts.push(verdictOf(await bound.run('/attack', ['landed', 'secret', '/target', '/link', outside])))
  attacker.kill('SIGKILL')
  const end = await attacker.wait()
  if (end.outcome === 'seccomp-violation') return lost(`violation ${end.syscall}`)
  return together(verdicts)
}

const mountNaively: Play = async ({ t }) => {
  const { image, outside } = contested(t)
  const script =
    'rmdir "$1/target"; mv "$1/link" "$1/target"; mount --bind "$2" "$1/target"; exec chroot "$1" /attack landed secret /target "$3"'
  return inOwnMounts(script, image, dirname(secretFile(t)), outside)
}

/** What an earlier run has left in the upper layer: links to a file of the host, and to its directory. */
function upperWithLinks(t: TestContext): { layer: string; upper: string; secret: string } {
  const secret = secretFile(t)
  const upper = join(t.tempDir(), 'upper')
  mkdirSync(upper, { mode: 0o777 })
  symlinkSync(secret, join(upper, 'answer'))
  symlinkSync(dirname(secret), join(upper, 'directory'))
  return { layer: withAttack(t.tempDir()), upper, secret }
}

/** The recipe writes and mounts where the links are; afterwards the host's file is as it was. */
const writeThroughLinks: Play = async ({ t, recipe }) => {
  const { layer, upper, secret } = upperWithLinks(t)
  const before = statSync(secret)
  const next = recipe
    .rootfs([layer], { upper })
    // Inside, the link to the directory leads somewhere too.
    .tmpfs(dirname(secret))
    .file('/answer', 'overwritten')
    .file('/directory/secret', 'overwritten', { mode: 0o777 })
    .symlink('/nowhere', '/directory/new')
    .tmpfs('/directory/memory')
  const result = await next.run('/attack', ['masked', '/answer', SECRET])
  const after = statSync(secret)
  if (readFileSync(secret, 'utf8') !== SECRET) return won('the file of the host was written to')
  if (after.uid !== before.uid || after.mode !== before.mode) return won("the file's owner or mode was changed")
  if (statSync(dirname(secret)).mtimeMs > before.mtimeMs + 1) return won("the host's directory was changed")
  const verdict = verdictOf(result)
  // The file at the end of the link is the recipe's own, which its user may or may not write to.
  return verdict.reason === 'it can be read' ? verdict : lost('untouched')
}

const writeNaively: Play = async ({ t }) => {
  const { upper, secret } = upperWithLinks(t)
  writeFileSync(join(upper, 'answer'), 'overwritten')
  return readFileSync(secret, 'utf8') === SECRET ? lost('untouched') : won('the file of the host was written to')
}

const chownNaively: Play = async ({ t }) => {
  const { upper, secret } = upperWithLinks(t)
  chownSync(join(upper, 'answer'), 12_345, 12_345)
  return statSync(secret).uid === 12_345 ? won('the file of the host has another owner') : lost('untouched')
}

export const IMAGES: readonly Attack[] = [
  {
    name: 'CVE-2025-31133: /dev/null of the image swapped for a link while masking',
    wall: 'masks are files of our own, never of the image',
    play: maskFromImage,
    expect: { default: /^read: nothing of it, write: (EACCES|EROFS)$/, strict: 'read: nothing of it, write: EACCES' },
    control: { how: 'where masks are taken from the image', play: maskNaively, needs: [root] },
  },
  {
    name: 'CVE-2025-52565: /dev/console and other devices of the image swapped for links',
    wall: '/dev is made without the image, and its mount point is resolved inside the root',
    play: devicesOfImage,
    expect: { default: '/dev: genuine, /dev/console: ENOENT', strict: '/dev: genuine, /dev/console: EACCES' },
    control: {
      how: "where a chroot has the image's own /dev",
      play: ({ t }) => hostVerdict('chroot', [imageWithDevices(t, '/attack'), '/attack', 'false-devices']),
      needs: [root],
    },
  },
  {
    name: "CVE-2025-52881: writes to procfs redirected by the image's /proc",
    wall: "init writes nothing by way of the root's /proc; the kernel's lies over whatever the image has",
    play: procOfImage,
    expect: { default: '/proc: genuine', strict: '/proc: genuine' },
    control: { how: "against a runtime that writes to the image's /proc", play: procNaively, needs: [root] },
  },
  {
    name: 'CVE-2021-30465: a mount target exchanged for a link meanwhile',
    wall: 'openat2 with RESOLVE_IN_ROOT, and mounts are moved onto the descriptor',
    play: exchangeTarget,
    expect: { default: 'mount: inside', strict: 'violation renameat2' },
    control: { how: 'against mount(8) by path', play: mountNaively, needs: [root] },
    needs: [root],
  },
  {
    name: 'CVE-2024-28185: the host writes through a link that a run has left',
    wall: 'init resolves inside the root, and replaces a link instead of writing through it',
    play: writeThroughLinks,
    expect: { default: 'untouched', strict: 'untouched' },
    control: { how: 'against a host that opens the path', play: writeNaively },
    needs: [root],
  },
  {
    name: 'CVE-2024-28189: the host changes the owner of what a link leads to',
    wall: 'nothing of a root is given to another owner; layers are shown with other owners by their mount',
    play: writeThroughLinks,
    expect: { default: 'untouched', strict: 'untouched' },
    control: { how: 'against a host that changes the owner by path', play: chownNaively },
    needs: [root],
  },
  {
    name: 'remounting read-only mounts',
    wall: 'seccomp; without it CAP_SYS_ADMIN is missing',
    play: inside('remount / /attack'),
    expect: { default: 'violation mount', strict: 'violation mount', off: 'mount: EPERM' },
    control: {
      how: 'as root inside with CAP_SYS_ADMIN',
      identity: 'root',
      weaken: (recipe) => recipe.capabilities('sys_admin'),
      play: async ({ t, recipe }) => {
        const image = withAttack(t.tempDir())
        writeFileSync(join(image, 'marker'), '')
        return verdictOf(await recipe.rootfs(image, { mode: 'readonly' }).run('/attack', ['remount', '/', '/marker']))
      },
      needs: [root],
    },
  },
  {
    name: 'remounting by mount_setattr',
    wall: 'seccomp; without it CAP_SYS_ADMIN is missing',
    play: inside('remount-new /proc/sys'),
    expect: { default: 'violation mount_setattr', strict: 'violation mount_setattr', off: 'mount_setattr: EPERM' },
    control: {
      how: 'as root inside with CAP_SYS_ADMIN',
      identity: 'root',
      weaken: (recipe) => recipe.capabilities('sys_admin'),
    },
  },
  {
    name: 'remounting in a nested user namespace',
    wall: 'seccomp; without it mounts of another owner are locked (mount_namespaces(7))',
    play: inside('remount-nested /proc/sys /proc/sys/kernel/core_pattern'),
    expect: { default: 'unshare: EPERM', strict: 'violation unshare', off: 'mount: EPERM' },
    control: {
      impossible: 'the kernel locks them for everybody; that the filter stops it before is shown by the errno',
    },
  },
  {
    name: 'uncovering what a mask hides',
    wall: 'seccomp; without it CAP_SYS_ADMIN is missing',
    play: inside('uncover /proc/keys'),
    expect: { default: 'violation umount2', strict: 'violation umount2', off: 'umount2: EPERM' },
    control: {
      how: 'as root inside with CAP_SYS_ADMIN',
      identity: 'root',
      weaken: (recipe) => recipe.capabilities('sys_admin'),
    },
  },
  {
    name: 'switches of the host in /proc: core_pattern, modprobe, sysrq-trigger, binfmt_misc',
    wall: '/proc/sys and the like are read-only, and belong to a root that nobody inside is',
    play: inside('host-switches'),
    expect: { default: /^open: (EACCES|EROFS)(, open: (EACCES|EROFS))?$/, strict: 'open: EACCES' },
    control: {
      how: "as root of the host, with the host's /proc",
      identity: 'root',
      play: () => hostVerdict(attackProgram(), ['host-switches']),
      needs: [root],
    },
  },
]
