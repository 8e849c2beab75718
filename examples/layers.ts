// Layers: a root file system united from several directories, the way a container runs an image.
//
// `base` and `app` are read-only for the sandbox; what it changes lands in `upper`, which here is a directory that
// persists, so that a second run continues where the first one ended. (Without `upper` the changes live in memory and
// are gone with the sandbox.) The shell is lent by the host: its directories are bound read-only.
//
// Prints:
//   first run: greeting from base, version 2
//   second run: greeting changed, version 2
//   base: greeting "from base", obsolete "remove me", version "1"
//   app: version "2"
//   upper: created "new", greeting "changed", obsolete deleted
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sandbox } from 'cofferdam'

const directory = await mkdtemp(join(tmpdir(), 'layers-'))
const base = await layer('base', { greeting: 'from base', obsolete: 'remove me', version: '1' })
const app = await layer('app', { version: '2' })
const upper = await layer('upper', {})

let recipe = sandbox().rootfs([base, app], { upper }).user(0)
for (const path of ['/bin', '/lib', '/lib64', '/usr']) recipe = recipe.bind(path, path, { optional: true })

const report = 'echo "greeting $(cat /etc/greeting), version $(cat /etc/version)"'
const change = 'cd /etc && echo changed > greeting && echo new > created && rm obsolete'

try {
  const first = await recipe.run('/bin/sh', ['-c', `${report}; ${change}`])
  process.stdout.write(`first run: ${first.throwIfFailed().stdout}`)
  const second = await recipe.run('/bin/sh', ['-c', report])
  process.stdout.write(`second run: ${second.throwIfFailed().stdout}`)

  for (const name of ['base', 'app', 'upper']) console.log(`${name}: ${await contents(join(directory, name, 'etc'))}`)
} finally {
  await rm(directory, { recursive: true, force: true })
}

/** Makes a directory that holds these files in /etc. */
async function layer(name: string, files: Record<string, string>): Promise<string> {
  const path = join(directory, name)
  await mkdir(join(path, 'etc'), { recursive: true })
  for (const [file, content] of Object.entries(files)) await writeFile(join(path, 'etc', file), `${content}\n`)
  return path
}

/** What the host sees in it; overlayfs notes a deleted file as a character device, a "whiteout". */
async function contents(path: string): Promise<string> {
  const entries = await readdir(path, { withFileTypes: true })
  const described = entries.map(async (entry) =>
    entry.isCharacterDevice()
      ? `${entry.name} deleted`
      : `${entry.name} "${(await readFile(join(path, entry.name), 'utf8')).trim()}"`,
  )
  return (await Promise.all(described)).sort().join(', ')
}
