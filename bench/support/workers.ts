// Starts measured processes: one for each question, so that none inherits another's heap.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { TaskName, Tasks } from '../measure/tasks.js'
import { PROGRESS_VARIABLE } from './progress-line.js'

const WORKER = fileURLToPath(new URL('../build/worker.js', import.meta.url))
const LIMIT_MS = 10 * 60_000

export interface WorkOptions {
  onProgress?: (text: string) => void
  /** A mount that the measured process is not to see. */
  without?: string | undefined
}

/** What a process of its own answers. @throws Error with the process's own message when it fails. */
export async function askWorker<Name extends TaskName>(
  name: Name,
  task: Tasks[Name]['task'],
  { onProgress, without }: WorkOptions = {},
): Promise<Tasks[Name]['answer']> {
  const worker = [process.execPath, '--expose-gc', WORKER, name, JSON.stringify(task)]
  const hide = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', 'umount "$0" && exec "$@"', `${without}`]
  const [file = '', ...args] = without === undefined ? worker : [...hide, ...worker]
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, [PROGRESS_VARIABLE]: '1' },
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const [, stdout, stderr, lines] = child.stdio as unknown as [null, ...NodeJS.ReadableStream[]]
  if (!stdout || !stderr || !lines) throw new Error('no pipes')
  createInterface({ input: lines }).on('line', (line) => onProgress?.(line))
  const [answer, complaint, [code, signal]] = await Promise.all([text(stdout), text(stderr), once(child, 'close')])
  process.off('exit', kill)
  if (code === 0) return JSON.parse(answer)
  const why = signal === 'SIGKILL' ? `no answer within ${LIMIT_MS / 60_000} minutes, or killed` : complaint.trim()
  throw new Error(`The measured process (${name}) failed: ${why || `exit code ${code}`}`)
}
