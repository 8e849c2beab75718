// What attacks are made with: the program in a root of its own, on the host as the control of a sandbox, and files of the
// host that must not be reached.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { chmodSync, copyFileSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Sandbox, SandboxProcess } from 'cofferdam'
import { run } from '../support/command.js'
import { attackProgram } from '../support/probe.js'
import type { TestContext } from '../support/suite.js'
import { type Play, spoken, type Verdict, verdictOf } from './attack.js'

let root: string | undefined

/** A directory with /attack and nothing else, one for the whole process; it goes with the process's temporary directory. */
export function attackRoot(): string {
  root ??= withAttack(mkdtempSync(join(tmpdir(), 'attack-')))
  return root
}

/** Puts the program into a directory that anyone may enter. */
export function withAttack(directory: string): string {
  chmodSync(directory, 0o755)
  copyFileSync(attackProgram(), join(directory, 'attack'))
  chmodSync(join(directory, 'attack'), 0o755)
  return directory
}

/** An attack that is only a program: `signal parent 19`. */
export function inside(command: string, prepare: (recipe: Sandbox) => Sandbox = (same) => same): Play {
  return async ({ recipe }) => verdictOf(await prepare(recipe).run('/attack', command.split(' ')))
}

/** The same with a directory of the host at /out, to which anybody may write. */
export function withOutputs(command: string, prepare: (recipe: Sandbox) => Sandbox = (same) => same): Play {
  return async ({ t, recipe }) => {
    const directory = outputs(t)
    const bound = prepare(recipe).bind(directory, '/out', { writable: true })
    return verdictOf(await bound.run('/attack', command.split(' ')))
  }
}

export function outputs(t: TestContext): string {
  const directory = t.tempDir()
  chmodSync(directory, 0o777)
  return directory
}

/** The control of all sandboxes: a plain child process of the host, below a shell that is its parent. */
export function onHost(command: string, options: SpawnOptions = {}): Play {
  return async () => hostVerdict('sh', ['-c', '"$@"; :', 'sh', attackProgram(), ...command.split(' ')], options)
}

/** What a program of the host says; it need not live to its end. */
export async function hostVerdict(file: string, args: readonly string[], options: SpawnOptions = {}): Promise<Verdict> {
  const { stdout, stderr } = await run(file, args, options)
  const verdict = spoken(stdout)
  if (!verdict) throw new Error(`The attack proves nothing on the host: ${stdout} ${stderr}`)
  return verdict
}

/** Runs the shell's commands in mounts of their own, as container runtimes did before they knew better. */
export function inOwnMounts(script: string, ...args: readonly string[]): Promise<Verdict> {
  return hostVerdict('unshare', ['--mount', 'sh', '-ec', script, 'sh', ...args])
}

export const SECRET = 'secret of the host'

/** A file of the host that everybody may read, so that only walls keep it. */
export function secretFile(t: TestContext): string {
  const path = join(t.tempDir(), 'secret')
  writeFileSync(path, SECRET)
  return path
}

/** A process of the host, which ends with the test. */
export function hostProcess(t: TestContext, program: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  t.cleanUp(() => {
    child.kill('SIGKILL')
    return child.exitCode === null && child.signalCode === null ? new Promise((done) => child.once('close', done)) : 0
  })
  return child
}

/** Another run, which ends with the test. */
export async function anotherRun(t: TestContext, recipe: Sandbox, command: string): Promise<SandboxProcess> {
  const child = await recipe.spawn('/attack', command.split(' '))
  t.cleanUp(() => child[Symbol.asyncDispose]())
  return child
}
