// The package as others get it: packed, and installed in a project of theirs.
import { cpSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './command.js'
import type { TestContext } from './suite.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

export interface Tarball {
  readonly path: string
  readonly files: string[]
}

/** `npm pack` of a checkout. */
export async function pack(t: TestContext, from = ROOT): Promise<Tarball> {
  const directory = t.tempDir()
  const stdout = await must('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory], from)
  const parsed = JSON.parse(stdout)
  // An array until npm 11, an object keyed by package name since.
  const [report] = Array.isArray(parsed) ? parsed : Object.values(parsed)
  return { path: join(directory, report.filename), files: report.files.map((file: { path: string }) => file.path) }
}

/** The checkout as it is without prebuilt addons, whether or not `npm run prebuild` has left some. */
export function withoutPrebuilt(t: TestContext): string {
  const directory = t.tempDir()
  const wanted = (path: string) => !/^(binding\/build|prebuilds\/linux-)/.test(path.slice(ROOT.length))
  for (const name of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md', 'dist', 'src', 'binding', 'prebuilds'])
    cpSync(join(ROOT, name), join(directory, name), { recursive: true, filter: wanted })
  return directory
}

/** An empty project. */
export function emptyProject(t: TestContext): string {
  const project = t.tempDir()
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  return project
}

/** `npm install`: packages of the registry, or tarballs. */
export async function npmInstall(project: string, packages: readonly string[], env = process.env): Promise<string> {
  return must('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...packages], project, env)
}

/** A directory for PATH with nothing but these programs. */
export async function onlyPrograms(t: TestContext, names: readonly string[]): Promise<string> {
  const directory = t.tempDir()
  for (const name of names) {
    const { stdout } = await run('sh', ['-c', `command -v ${name}`])
    if (stdout.startsWith('/')) symlinkSync(stdout.trim(), join(directory, name))
  }
  return directory
}

/** What it writes to stdout; an error with all that it wrote when it fails. */
export async function must(file: string, args: readonly string[], cwd: string, env = process.env): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, { cwd, env })
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`)
  return stdout
}
