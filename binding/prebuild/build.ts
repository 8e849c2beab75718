// Builds the addon so that one file serves every Linux of its processor: gcc's C++ runtime is in it, and of the C library
// it asks for nothing that is newer than 2018 or that musl lacks (portable.c, libc-stub.ts). No node-gyp: Node-API is all
// that it needs of Node, and node-api-headers has that.
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { writeLibcStub } from './libc-stub.js'
import { type Target, tool } from './target.js'

const require = createRequire(import.meta.url)
const start = promisify(execFile)

const BOTH = [
  ...['-Os', '-fPIC', '-flto', '-ffunction-sections', '-fdata-sections', '-fvisibility=hidden'],
  // Below 3: that checks the same calls here, by functions that compute sizes.
  ...['-fstack-protector-strong', '-fstack-clash-protection', '-U_FORTIFY_SOURCE', '-D_FORTIFY_SOURCE=2'],
  ...['-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE'],
]
const PROCESSOR = {
  x64: ['-march=x86-64', '-fcf-protection=full', '-Wl,-z,separate-code'],
  // Atomic operations inline: helpers that choose at run time ask the C library which processor this is.
  // Pages may be of 64 KiB there, so separate segments would fill the file with nothing.
  arm64: ['-march=armv8-a', '-mno-outline-atomics', '-mbranch-protection=standard', '-Wl,-z,noseparate-code'],
}

/**
 * Where init's image lies. What is read-only, and what is after relocation, end together at a page's end, so on arm64 their
 * sum is rounded up to the 64 KiB of its largest pages; the section for data comes behind that.
 */
const INIT_SECTION = { x64: '.rodata', arm64: '.data' }

/** What Node looks for in an addon. */
const NODE_ADDON = 'napi_register_module_v1; node_api_module_get_api_version_v1;'

/** Functions of the C library must not be made of themselves. */
const STAND_INS = ['-std=gnu11', '-fno-builtin', '-U_FORTIFY_SOURCE']

interface BindingGyp {
  readonly targets: readonly [{ readonly sources: readonly string[]; readonly defines: readonly string[] }]
}

/** Builds the addon of `sources` (binding/) for the target into `output`, with all that comes in between in `scratch`. */
export async function buildAddon(target: Target, sources: string, scratch: string, output: string): Promise<void> {
  mkdirSync(scratch, { recursive: true })
  const gyp = JSON.parse(readFileSync(join(sources, 'binding.gyp'), 'utf8')) as BindingGyp
  const [{ sources: names, defines }] = gyp.targets
  const init = join(scratch, 'init.S')
  await start('sh', [join(sources, 'init/build.sh'), join(scratch, 'init'), init], {
    env: { ...process.env, CC: tool(target, 'gcc'), INIT_SECTION: INIT_SECTION[target.arch] },
  })
  const files = [...names.map((name) => join(sources, name)), init]
  // node-addon-api quotes its path, for a shell.
  const includes = [require('node-api-headers').include_dir, require('node-addon-api').include_dir.replaceAll('"', '')]
  await buildPortable(target, { files, sources, includes, defines, exported: NODE_ADDON, scratch, output })
}

export interface Library {
  /** C++, and assembly. */
  readonly files: readonly string[]
  /** Where binding/ is. */
  readonly sources: string
  /** Directories of headers. */
  readonly includes: readonly string[]
  readonly defines: readonly string[]
  /** Symbols, each with a semicolon. */
  readonly exported: string
  /** A directory. */
  readonly scratch: string
  readonly output: string
}

/** Builds a shared library that runs wherever a prebuilt addon does. */
export async function buildPortable(target: Target, library: Library): Promise<void> {
  const { files, sources, includes, defines, exported, scratch, output } = library
  const common = [
    ...[...BOTH, ...PROCESSOR[target.arch], ...defines.map((define) => `-D${define}`)],
    // No path of this machine in what is built.
    ...[`-ffile-prefix-map=${sources}=binding`, `-ffile-prefix-map=${scratch}=build`],
  ]
  const cxx = [
    '-std=c++17',
    '-fvisibility-inlines-hidden',
    `-iquote${sources}`,
    ...includes.map((path) => `-isystem${path}`),
  ]
  const runtime = [join(sources, 'prebuild/terminate.cc'), join(sources, 'prebuild/portable.c')]
  const objects: string[] = []
  const compile = (compiler: string, options: readonly string[], file: string) => {
    const object = join(scratch, `${basename(file)}.o`)
    objects.push(object)
    const output = [`-frandom-seed=${basename(file)}`, '-c', '-o', object, file]
    return () => start(tool(target, compiler), [...common, ...options, ...output])
  }
  await allOf(
    [...files, ...runtime].map((file) => {
      if (file.endsWith('.cc')) return compile('g++', cxx, file)
      // Not by the optimizer at link time, which does not see that gcc's own archives call what is in portable.c.
      return compile('gcc', ['-fno-lto', ...(file.endsWith('.c') ? STAND_INS : [])], file)
    }),
  )
  await link(target, objects, exported, scratch)
  await start(tool(target, 'strip'), ['--strip-all', join(scratch, 'cofferdam.node')])
  mkdirSync(join(output, '..'), { recursive: true })
  copyFileSync(join(scratch, 'cofferdam.node'), output)
}

async function link(target: Target, objects: readonly string[], exported: string, scratch: string): Promise<void> {
  const archives = await Promise.all(['libstdc++.a', 'libgcc_eh.a', 'libgcc.a'].map((name) => fileOf(target, name)))
  const libc = writeLibcStub(target, scratch)
  // Else templates of the C++ library would be found in Node's copy of it, or Node would find ours.
  const exports = join(scratch, 'exports.map')
  writeFileSync(exports, `{ global: ${exported} local: *; };\n`)
  await start(tool(target, 'g++'), [
    ...[...BOTH, ...PROCESSOR[target.arch], '-shared', '-nodefaultlibs', '-frandom-seed=cofferdam'],
    ...['-Wl,-soname,cofferdam.node', '-Wl,--build-id=none', '-Wl,--hash-style=gnu', `-Wl,--version-script=${exports}`],
    ...['-Wl,--gc-sections', '-Wl,--exclude-libs,ALL', '-Wl,-z,relro,-z,now', '-Wl,-z,nodelete', '-Wl,-z,noexecstack'],
    ...['-o', join(scratch, 'cofferdam.node'), ...objects, '-Wl,--start-group', ...archives, '-Wl,--end-group', libc],
  ])
}

async function fileOf(target: Target, library: string): Promise<string> {
  const { stdout } = await start(tool(target, 'g++'), [`-print-file-name=${library}`])
  if (!stdout.includes('/')) throw new Error(`${tool(target, 'g++')} has no ${library}`)
  return stdout.trim()
}

/** As many at a time as there are processors. */
async function allOf(tasks: readonly (() => Promise<unknown>)[]): Promise<void> {
  const queue = [...tasks]
  const worker = async () => {
    for (let task = queue.shift(); task; task = queue.shift()) await task()
  }
  await Promise.all(Array.from({ length: availableParallelism() }, worker))
}
