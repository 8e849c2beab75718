// Outputs: taking files from a directory that a program has written to, when that program is not to be trusted.
//
// A good program leaves a file. A bad one leaves links to files of the host, a pipe that nobody writes to, or a file of
// a terabyte. collect/collect.ts follows no link, waits for nobody, and reads no more than it was told to.
//
// Prints:
//   answer: 42
//   link: The output was not taken: link could not be opened, ELOOP.
//   pipe: The output was not taken: it is not a plain file.
//   huge: The output was not taken: it is larger than 1048576 bytes.
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sandbox } from 'cofferdam'
import { CollectError, collect } from './collect/collect.js'

const script = 'echo 42 > answer; ln -s /etc/passwd link; mkfifo pipe; truncate -s 1T huge'

const directory = await mkdtemp(join(tmpdir(), 'outputs-'))
try {
  const { hostUid, hostGid } = sandbox().plan().identity
  await chown(directory, hostUid, hostGid)

  const box = sandbox().bind(directory, '/outputs', { writable: true }).cwd('/outputs').limits({ wallTime: '10s' })
  const program = await box.spawn('sh', ['-c', script], { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' })
  await program.wait()
  // From here on nothing of the program runs any more, and what lies there stays as it is.
  await program.closed

  for (const name of ['answer', 'link', 'pipe', 'huge']) console.log(`${name}: ${await describe(name)}`)
} finally {
  await rm(directory, { recursive: true })
}

async function describe(name: string): Promise<string> {
  try {
    return (await collect(directory, name, 1 << 20)).toString().trim()
  } catch (error) {
    if (error instanceof CollectError) return error.message
    throw error
  }
}
