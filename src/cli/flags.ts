// Every verb of a recipe as a flag, as data: parsing, help and the tests come from this table. A verb's flag has the verb's
// name; a key of its options has the verb's name before its own, except those of limits() and priority(), which say
// enough alone. Names are those of the API with hyphens in them.

import type { Reader } from './values.js'
import * as values from './values.js'

/** What a flag answers to: the question of a recipe's section. */
export type FlagGroup = 'See' | 'Where' | 'Who' | 'Use' | 'Ask'

/** One flag. */
export interface Flag {
  /** Without the hyphens. */
  readonly name: string
  /** The verb of the API (`'bind'`: called with what was read), or one key of its options (`'limits.cpuTime'`). */
  readonly sets: string
  /** What its value looks like; `undefined` for a flag that is there or not. */
  readonly value?: string
  readonly read: Reader
  readonly group: FlagGroup
  /** What it says, in a few words. */
  readonly help: string
}

type Row = readonly [name: string, sets: string, value: string | undefined, read: Reader, help: string]

const one =
  (read: Reader): Reader =>
  (given, flag) => [read(given, flag)]
const isSet: Reader = () => true
const { text, number, words, numbers } = values

const SEE: readonly Row[] = [
  ['namespaces', 'namespaces', 'NAMES', words, 'exactly these are new: user,mount,pid,net,ipc,uts,cgroup,time'],
  ['share', 'share', 'NAMES', words, "these namespaces are the host's"],
  ['network', 'network', 'none|host', one(text), "a network of its own without a way out, or the host's"],
  ['hostname', 'hostname', 'NAME', one(text), 'the host name inside'],
  ['clock-offset-monotonic', 'clockOffset.monotonic', 'DURATION', text, 'added to CLOCK_MONOTONIC'],
  ['clock-offset-boottime', 'clockOffset.boottime', 'DURATION', text, 'added to CLOCK_BOOTTIME'],
]

const WHERE: readonly Row[] = [
  ['rootfs', 'rootfs', 'DIRS', words, 'the directory that becomes /, or several, base first'],
  ['rootfs-mode', 'rootfs.mode', 'overlay|readonly|writable', text, 'what can be changed in it'],
  ['rootfs-upper', 'rootfs.upper', 'DIR', text, 'where changes persist'],
  ['rootfs-size', 'rootfs.size', 'SIZE', text, 'of the writable layer in memory'],
  ['rootfs-switch', 'rootfs.switch', 'pivot_root|switch_root|chroot', text, 'how it becomes /'],
  ['bind', 'bind', 'SRC[:TARGET][:writable,optional]', values.bind, 'shows a file or directory of the host'],
  ['tmpfs', 'tmpfs', 'TARGET[:size=SIZE,mode=MODE]', values.tmpfs, 'a directory in memory'],
  ['file', 'file', 'TARGET[:mode=MODE]=TEXT|@FILE', values.file, 'a file with this content'],
  ['symlink', 'symlink', 'TARGET:PATH', values.symlink, 'a link at PATH, as by ln -s'],
  ['mask', 'mask', 'PATH', one(text), 'hides a path'],
  ['cwd', 'cwd', 'PATH', one(text), 'the working directory'],
  ['env', 'env', 'NAME[=VALUE]', values.variable, "a variable; without =, the caller's"],
]

const WHO: readonly Row[] = [
  ['user', 'user', 'UID[:GID]', values.ids, 'the ids inside'],
  ['subordinate-ids', 'subordinateIds', 'auto|always|never', text, 'whether ids of /etc/subuid are mapped'],
  ['subordinate-ids-caller-id', 'subordinateIds.callerId', 'ID', number, 'which id inside is the caller'],
]

const USE: readonly Row[] = [
  ['cpu', 'limits.cpu', 'CORES', number, 'cores at once; 0.5 is half of one'],
  ['cpuset', 'limits.cpuset', 'CPUS', text, 'the CPUs it may run on: 0-3,8'],
  ['cpu-time', 'limits.cpuTime', 'DURATION', text, 'CPU time of the whole tree'],
  ['wall-time', 'limits.wallTime', 'DURATION', text, 'time from its start on'],
  ['memory', 'limits.memory', 'SIZE', text, 'memory of the whole tree'],
  ['memory-high', 'limits.memoryHigh', 'SIZE', text, 'memory above which it is slowed down'],
  ['oom-group', 'limits.oomGroup', undefined, isSet, 'out of memory, all of the tree is killed at once'],
  ['swap', 'limits.swap', 'SIZE', text, 'swap space; none with --memory'],
  ['pids', 'limits.pids', 'COUNT', number, 'processes and threads at once'],
  ['open-files', 'limits.openFiles', 'COUNT', number, 'descriptors of each process'],
  ['file-size', 'limits.fileSize', 'SIZE', text, 'size of each file'],
  ['stack', 'limits.stack', 'SIZE', text, 'stack of each first thread'],
  ['core', 'limits.core', 'SIZE', text, 'size of a core dump'],
  ['output', 'limits.output', 'SIZE', text, 'bytes of stdout and stderr together'],
  ['io', 'limits.io', 'DEVICE:KEY=VALUE,...', values.io, 'read-bps, write-bps, read-iops, write-iops'],
  ['cpu-weight', 'priority.cpuWeight', 'WEIGHT', number, 'share of CPU time, 1 to 10000'],
  ['io-weight', 'priority.ioWeight', 'WEIGHT', number, 'share of disk time, 1 to 10000'],
  ['nice', 'priority.nice', 'NICE', number, 'nice value, -20 to 19'],
  ['measure', 'measure', 'FIGURES', words, 'figures to have in any case: memory,pids,io'],
]

const ASK: readonly Row[] = [
  ['seccomp', 'seccomp', 'default|strict|off|FILE', values.profile, 'which system calls; FILE is a JSON profile'],
  ['capabilities', 'capabilities', 'NAMES', words, 'the capabilities that it keeps'],
  ['landlock-read', 'landlock.read', 'PATHS', words, 'what may be read; none: nothing'],
  ['landlock-write', 'landlock.write', 'PATHS', words, 'what may be written'],
  ['landlock-execute', 'landlock.execute', 'PATHS', words, 'what may be executed'],
  ['landlock-ioctl', 'landlock.ioctl', 'PATHS', words, 'devices that take commands'],
  ['landlock-truncate', 'landlock.truncate', 'write|unrestricted', text, 'where files may be truncated'],
  ['landlock-connect-tcp', 'landlock.connectTcp', 'PORTS', numbers, 'TCP ports to connect to'],
  ['landlock-bind-tcp', 'landlock.bindTcp', 'PORTS', numbers, 'TCP ports to bind'],
  ['landlock-scope', 'landlock.scope', 'SCOPES', words, 'kept inside: signal,abstract_unix_socket'],
]

const GROUPS: Readonly<Record<FlagGroup, readonly Row[]>> = { See: SEE, Where: WHERE, Who: WHO, Use: USE, Ask: ASK }

/** All flags that make a recipe, in the order of the README. */
export const FLAGS: readonly Flag[] = Object.entries(GROUPS).flatMap(([group, rows]) =>
  rows.map(([name, sets, value, read, help]) => ({
    name,
    sets,
    ...(value !== undefined && { value }),
    read,
    group: group as FlagGroup,
    help,
  })),
)

/** The flag of a verb or of a key, with its hyphens. */
export function flagThatSets(what: string): string | undefined {
  const flag = FLAGS.find(({ sets }) => sets === what)
  return flag && `--${flag.name}`
}
