// The builder's verbs: each takes its arguments apart, adds to a frozen recipe, and returns a new builder.

import { type CapabilityName, parseCapabilities } from './capabilities.js'
import { mergeEnvironment, parseCwd, parseSubordinateIds, parseUser } from './options/command.js'
import { parseLandlock } from './options/landlock.js'
import { parseFigures, parseLimits, parsePriority } from './options/limits.js'
import { parseBind, parseFile, parseMask, parseRootfs, parseSymlink, parseTmpfs } from './options/location.js'
import { parseSeccomp } from './options/seccomp.js'
import { parseClockOffsets, parseHostname, parseNamespaces, withNetwork } from './options/visible.js'
import { checkContradictions, type MountRecipe, NAMESPACES, type Recipe } from './recipe.js'
import type { SeccompProfile } from './seccomp/types.js'
import type {
  BindOptions,
  ClockOffsets,
  Figure,
  FileOptions,
  LandlockRules,
  Limits,
  NamespaceName,
  Priority,
  RootfsOptions,
  SubordinateIdsOptions,
  TmpfsOptions,
} from './types.js'

/**
 * What a recipe says. Immutable: every method returns a new builder.
 *
 * Every method throws a `TypeError` or `RangeError` with code `ERR_SANDBOX_INVALID_OPTION` for a bad value, and for a
 * value that contradicts an earlier call, whichever of the two comes first.
 */
export class SandboxBuilder {
  /** @internal */
  protected readonly recipe: Recipe

  /** @internal */
  constructor(recipe: Recipe) {
    this.recipe = recipe
  }

  #with(change: Partial<Recipe>): this {
    const recipe: Recipe = Object.freeze({ ...this.recipe, ...change })
    checkContradictions(recipe)
    return new (this.constructor as new (recipe: Recipe) => this)(recipe)
  }

  #mount(mount: MountRecipe): this {
    return this.#with({ mounts: Object.freeze([...this.recipe.mounts, mount]) })
  }

  /**
   * Exactly these namespaces are new (`namespaces(7)`); the others are the host's. Without a name, all eight: a recipe
   * that wants none says so with `share`.
   *
   * @default all eight
   * @example sandbox().namespaces('user', 'mount', 'pid')
   */
  namespaces(...names: NamespaceName[]): this {
    const own = names.length === 0 ? NAMESPACES : parseNamespaces('namespaces()', names)
    return this.#with({ namespaces: Object.freeze(own) })
  }

  /**
   * These namespaces are the host's; the others stay as they are.
   *
   * @example sandbox().share('net') // uses the host's network
   */
  share(...names: NamespaceName[]): this {
    const shared = parseNamespaces('share()', names)
    return this.#with({ namespaces: Object.freeze(this.recipe.namespaces.filter((name) => !shared.includes(name))) })
  }

  /**
   * The host name inside (`sethostname(2)`): at most 64 characters. Needs a uts namespace.
   *
   * @default 'sandbox'
   * @example sandbox().hostname('builder-7')
   */
  hostname(name: string): this {
    return this.#with({ hostname: parseHostname(name) })
  }

  /**
   * What is added to the clocks inside (`time_namespaces(7)`, Linux 5.6): a number of milliseconds, or text such as
   * `'-1.5h'`. The clock of the day cannot be moved. Needs a time namespace, and a caller with `CAP_SYS_TIME` over it.
   *
   * @default 0 for both
   * @example sandbox().clockOffset({ boottime: '30d' })
   */
  clockOffset(offsets: ClockOffsets): this {
    return this.#with({ clockOffset: parseClockOffsets(offsets) })
  }

  /**
   * `'none'`: a network of its own with nothing but a loopback device. `'host'`: the host's, as `share('net')`.
   *
   * @default 'none'
   * @example sandbox().network('host').run('getent', ['hosts', 'localhost'])
   */
  network(network: 'none' | 'host'): this {
    return this.#with({ namespaces: Object.freeze(withNetwork(this.recipe.namespaces, network)) })
  }

  /**
   * The directory that becomes `/`, or several united by overlayfs, base first as in an image manifest. Paths are
   * resolved now, and must exist. Without this call the root is a read-only view of the host's system directories.
   *
   * @example sandbox().rootfs(['/images/debian', '/images/python'], { size: '1GiB' })
   * @example sandbox().rootfs('/images/debian', { upper: '/var/lib/job-7' }) // changes stay in /var/lib/job-7
   */
  rootfs(layers: string | readonly string[], options?: RootfsOptions): this {
    return this.#with({ rootfs: parseRootfs(layers, options) })
  }

  /**
   * Shows a file or directory of the host inside, with all mounts below it: read-only unless `writable`. Files that
   * belong to the host's root stay read-only in any case: inside they belong to nobody.
   *
   * @param target where it appears: an absolute path, made if it is missing; by default that of the source
   * @throws SandboxSetupError at spawn, step `'bind-source'`, when the source does not exist and is not `optional`
   * @example sandbox().bind('/srv/tests', '/tests').bind('/tmp/out', '/out', { writable: true })
   */
  bind(source: string, target?: string, options?: BindOptions): this {
    return this.#mount(parseBind(source, target, options))
  }

  /**
   * A file system in memory (`tmpfs(5)`), empty at the start and gone at the end. What is written to it counts as
   * memory of the sandbox.
   *
   * @example sandbox().tmpfs('/build', { size: '512MiB' })
   */
  tmpfs(target: string, options?: TmpfsOptions): this {
    return this.#mount(parseTmpfs(target, options))
  }

  /**
   * A file with this content, owned by root inside; replaces one that is there. With rootfs mode `'writable'` it is
   * written to the directory itself.
   *
   * @example sandbox().file('/etc/motd', 'welcome\n')
   */
  file(target: string, content: string | Uint8Array, options?: FileOptions): this {
    return this.#mount(parseFile(target, content, options))
  }

  /**
   * A symbolic link at `path` that leads to `target`, with the arguments in the order of `ln -s`.
   *
   * @example sandbox().rootfs('/images/debian').symlink('/usr/bin/python3', '/bin/python')
   */
  symlink(target: string, path: string): this {
    return this.#mount(parseSymlink(target, path))
  }

  /**
   * Hides a path: a file reads empty, a directory is empty, and neither can be written.
   *
   * @throws SandboxSetupError at spawn, step `'mask'`, when the path does not exist
   * @example sandbox().rootfs('/images/debian').mask('/etc/ssl')
   */
  mask(path: string): this {
    return this.#mount(parseMask(path))
  }

  /**
   * The working directory: an absolute path inside, which must exist for the command's user. One that leads out of the
   * root, by a link in `/proc` say, is not entered.
   *
   * @throws SandboxSetupError at spawn, step `'exec'`: `ENOENT`, `EACCES`, `EXDEV` for one outside of the root
   * @default '/'
   * @example sandbox().tmpfs('/work').cwd('/work')
   */
  cwd(path: string): this {
    return this.#with({ cwd: parseCwd(path) })
  }

  /**
   * Adds environment variables; `undefined` takes one away. Nothing is inherited from Node's own environment.
   *
   * @default {} (a program without a slash in its name is then looked for in the usual directories)
   * @example sandbox().env({ PATH: process.env.PATH, LANG: 'C.UTF-8' })
   */
  env(variables: Readonly<Record<string, string | undefined>>): this {
    return this.#with({ environment: mergeEnvironment(this.recipe.environment, variables) })
  }

  /**
   * The command's user and group inside, 0 to 65535. On the host these are ids from 100000 on when Node runs as root,
   * and Node's own user otherwise. Needs a user namespace.
   *
   * @default 1000, and the group like the user
   * @example sandbox().user(0) // root inside, without any capability, and nobody on the host
   */
  user(uid: number, gid: number = uid): this {
    return this.#with({ user: parseUser(uid, gid) })
  }

  /**
   * Whether a caller that is not root maps its subordinate ids (`subuid(5)`), by `newuidmap(1)` and `newgidmap(1)`: ids 0 to
   * 65535 inside, as far as they reach. Otherwise there is one id, the command's. Either way the command is the caller on
   * the host, unless `callerId` says otherwise. The two programs take some milliseconds of every start, so `'auto'`
   * uses them only for recipes that keep `chown`, `setuid` or `setgid`, and where they can be had. Root needs neither: its
   * sandboxes always have all ids. `plan().identity` shows the map.
   *
   * @default 'auto'
   * @throws SandboxUnsupportedError at spawn, with `'always'` when the caller has no such ids or the programs are missing
   * @example sandbox().rootfs('/home/me/image').user(0).subordinateIds('always') // owners as rootless podman left them
   */
  subordinateIds(use: 'auto' | 'always' | 'never', options?: SubordinateIdsOptions): this {
    return this.#with({ subordinateIds: parseSubordinateIds(use, options) })
  }

  /**
   * What the sandbox can use; calls add up. One that this host cannot enforce makes `spawn` and `run` reject with
   * `SandboxUnsupportedError`; none is ever dropped.
   *
   * @default no limits, but 1024 open files and no core dumps
   * @example sandbox().limits({ cpu: 0.5, memory: '256MiB', pids: 64, wallTime: '10s', cpuTime: 2000, output: '1MiB' })
   */
  limits(limits: Limits): this {
    return this.#with({ limits: Object.freeze({ ...this.recipe.limits, ...parseLimits(limits) }) })
  }

  /**
   * Who comes first when there is not enough for all; calls add up.
   *
   * @default weights of 100, nice 0
   * @example sandbox().priority({ cpuWeight: 10, nice: 10 })
   */
  priority(priority: Priority): this {
    return this.#with({ priority: Object.freeze({ ...this.recipe.priority, ...parsePriority(priority) }) })
  }

  /**
   * Figures for which this host may have to join one more cgroup controller. With cgroup v2 they cost nothing and come
   * anyway; joining a v1 controller can cost 10 ms at the start.
   *
   * @example const { usage } = await sandbox().measure('memory').run('ls', ['-R', '/usr/bin'])
   */
  measure(...figures: Figure[]): this {
    const wanted = parseFigures(figures)
    return this.#with({ measure: Object.freeze([...new Set([...this.recipe.measure, ...wanted])]) })
  }

  /**
   * Which system calls the command and its children may make (`seccomp(2)`); replaces an earlier choice.
   *
   * - `'default'`: what ordinary programs need, compilers, interpreters and servers included; not what attacks on the
   *   kernel begin with: no namespaces within, mounts, `bpf`, `io_uring`, `userfaultfd`, keys, `ptrace`, modules, no
   *   sockets but unix, IPv4, IPv6 and rtnetlink ones. Capabilities that the recipe keeps open what they are for.
   * - `'strict'`: to compute, for submissions of a judge: memory, threads, files to read, output to what it was given. No
   *   new process, no socket, no file to write. Static and dynamically linked programs run, and so do interpreters.
   * - `'off'`: every call of the kernel.
   * - an object: a profile in the JSON shape of Docker and the OCI.
   *
   * A violation ends the whole tree: outcome `'seccomp-violation'`, with the call's name. Calls that libraries try and
   * replace are refused with an errno. Calls of another ABI (i386, x32) are violations in each but `'off'`.
   *
   * @default 'default'
   * @throws TypeError or RangeError with the place in the profile: an unknown name, action or architecture, entries that
   *   contradict one another, more than 4096 instructions, no `execve` without conditions
   * @throws SandboxUnsupportedError at spawn where the kernel has no filters (CONFIG_SECCOMP_FILTER)
   * @example sandbox().bind('/srv/submission').seccomp('strict').run('/srv/submission')
   * @example sandbox().seccomp(JSON.parse(await readFile('/etc/docker/seccomp.json', 'utf8')))
   */
  seccomp(profile: 'default' | 'strict' | 'off' | SeccompProfile): this {
    return this.#with({ seccomp: parseSeccomp(profile) })
  }

  /**
   * What files and TCP ports the command and its children may use, besides what the root file system, their ids and the
   * network permit (Landlock, `landlock(7)`); replaces earlier rules. Each list names what is allowed, and `[]` allows
   * nothing; what has no list is not restricted. It takes rights away and never gives any, and nothing that
   * the command does lifts it, as whoever it runs.
   *
   * Paths are those inside, and are looked up once, at the end of boot: links lead to where they led then, and a rule
   * stays with its file or directory when that is renamed. Names, sizes, owners and modes stay visible, and changing mode, owner,
   * times or extended attributes is not restricted; a read-only root does that. Descriptors that the command is
   * given keep working. Rules for files also forbid mounts, and any rule keeps the command from tracing processes
   * that are not its own, init and other commands of a box among them, even with `sys_ptrace`.
   *
   * A rule that the kernel is too old for is an error, and never left out.
   *
   * @default none
   * @throws SandboxUnsupportedError at spawn, `feature` `'landlock'` where the kernel has none or it is not enabled, or
   *   `'landlock.write'` and so on with the version that the rule needs
   * @throws SandboxSetupError at spawn, step `'landlock'`, for a path that does not exist; step `'exec'` with code `EACCES`
   *   when the rules keep the command itself from being executed
   * @example sandbox().landlock({ read: ['/usr', '/lib', '/lib64', '/etc'], write: ['/tmp'], execute: ['/usr', '/lib', '/lib64'] })
   * @example sandbox().network('host').landlock({ connectTcp: [5432], bindTcp: [] }) // a database, and no server
   */
  landlock(rules: LandlockRules): this {
    return this.#with({ landlock: parseLandlock(rules) })
  }

  /**
   * The capabilities that the command keeps (`capabilities(7)`), with or without the `CAP_`; replaces an earlier list.
   * With a user namespace they count only for what belongs to the sandbox. `seccomp('default')` opens the calls that they
   * are for.
   *
   * @default none
   * @example sandbox().capabilities('net_bind_service')
   */
  capabilities(...kept: (CapabilityName | (string & {}))[]): this {
    return this.#with({ capabilities: Object.freeze(parseCapabilities(kept)) })
  }
}
