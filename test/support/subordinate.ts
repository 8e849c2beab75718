// A caller without privileges, on a host that grants it what a test wants: its Node runs in a mount namespace with copies
// of passwd, subuid and subgid, so that nothing of the machine is changed.
import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CALLER, callerAnswer } from './caller.js'
import { command, type Need, root } from './host.js'
import type { TestContext } from './suite.js'

/** The caller's name, where it has one. */
export const NAME = 'cofferdam-caller'
/** The first of the ids in {@link GRANTED}, for users and for groups. */
export const FIRST = { uid: 1_300_000, gid: 1_400_000 }

/** What a caller needs that is granted ids: this process has to be root, and the programs have to be there. */
export const subordinateIds: readonly Need[] = [
  root,
  command('newuidmap'),
  command('newgidmap'),
  command('unshare'),
  command('setpriv'),
]

/** A host as its files tell it. */
export interface Grants {
  /** Lines of /etc/subuid and /etc/subgid. */
  subuid?: string
  subgid?: string
  /** Whether the caller has a name. @default true */
  named?: boolean
  /** Supplementary groups of the caller. */
  groups?: readonly number[]
  /** Text of a program that takes newuidmap's place, or `null`: a file that cannot be executed does. */
  newuidmap?: string | null
  /** Shell commands, as root, before the caller's Node is started. */
  before?: string
  /** More options of setpriv(1). */
  setpriv?: readonly string[]
}

/** 65536 users and as many groups. */
export const GRANTED: Grants = {
  subuid: `${NAME}:${FIRST.uid}:65536\n`,
  subgid: `${NAME}:${FIRST.gid}:65536\n`,
}

/** As asCaller() of caller.ts. The caller may write the granted files: a test can take grants away. */
export function asGranted<Answer>(t: TestContext, grants: Grants, body: string, ...args: string[]): Promise<Answer> {
  const { named = true, groups = [], newuidmap, before = ':', setpriv = [] } = grants
  const directory = t.tempDir()
  const account = named ? `${NAME}:x:${CALLER}:${CALLER}::/nonexistent:/bin/sh\n` : ''
  const files: Record<string, string> = {
    '/etc/passwd': `${readFileSync('/etc/passwd', 'utf8').replace(/\n*$/, '\n')}${account}`,
    '/etc/subuid': grants.subuid ?? '',
    '/etc/subgid': grants.subgid ?? '',
    ...(newuidmap === undefined ? {} : { '/usr/bin/newuidmap': newuidmap ?? '' }),
  }
  const mounts = Object.entries(files).map(([target, text]) => {
    const copy = join(directory, target.replaceAll('/', '-'))
    writeFileSync(copy, text)
    chownSync(copy, CALLER, CALLER)
    chmodSync(copy, newuidmap && target.endsWith('newuidmap') ? 0o755 : 0o644)
    return `mount --bind ${copy} ${target}`
  })
  const script = [...mounts, before, 'exec "$@"'].join(' && ')
  const ids = [`--reuid=${CALLER}`, `--regid=${CALLER}`, groups.length ? `--groups=${groups}` : '--clear-groups']
  const wrap = ['unshare', '--mount', 'sh', '-c', script, 'sh', 'setpriv', ...ids, ...setpriv, '--']
  return callerAnswer(body, { wrap, args })
}
