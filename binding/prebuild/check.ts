// What must hold of a prebuilt addon, read from the file itself.
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isTooNew } from './libc-stub.js'
import { GLIBC, MAX_BYTES, type Target } from './target.js'

const require = createRequire(import.meta.url)
/** What binding.gyp says as NAPI_VERSION. */
const NODE_API = 8
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1']

/** Problems, each a sentence; none when the addon may be shipped. */
export function problemsOf(file: string, target: Target): string[] {
  const size = statSync(file).size
  const header = readelf('--file-header', file)
  const problems = [
    size > MAX_BYTES && `it has ${size} bytes, more than ${MAX_BYTES}`,
    !header.includes(target.machine) && `it is not for ${target.machine}`,
    ...linking(file),
    ...hardening(file),
    ...leftovers(file),
  ]
  return problems.filter((problem): problem is string => typeof problem === 'string')
}

/** Which libraries and which symbols it asks for, and which it has for others. */
function linking(file: string): (string | false)[] {
  const needed = [...readelf('--dynamic', file).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name)
  const { wanted, exported } = dynamicSymbols(file)
  const nodeApi = nodeApiSymbols()
  const musl = muslSymbols()
  const versions = [...readelf('--version-info', file).matchAll(/Name: (\S+)/g)].map(([, name]) => name ?? '')
  return [
    needed.join() !== 'libc.so.6' && `it needs ${needed.join(', ') || 'no library'}, not libc.so.6 alone`,
    versions.length === 0 && 'it asks for no version of any symbol',
    ...versions
      .filter((version) => !version.startsWith('GLIBC_') || isTooNew(version))
      .map((version) => `it needs ${version}, which glibc ${GLIBC.join('.')} has not`),
    ...wanted
      .filter(({ name, version, weak }) => version === undefined && !weak && !nodeApi.has(name))
      .map(({ name }) => `it asks for ${name}, which is neither glibc's nor in Node-API ${NODE_API}`),
    ...wanted
      .filter(({ name, version, weak }) => version !== undefined && !weak && musl !== undefined && !musl.has(name))
      .map(({ name }) => `it asks for ${name}, which musl has not: portable.c needs it`),
    exported.sort().join() !== EXPORTS.join() && `it exports ${exported.join(', ')}, not ${EXPORTS.join(' and ')}`,
  ]
}

function hardening(file: string): (string | false)[] {
  const segments = readelf('--program-headers', file).split('\n')
  const dynamic = readelf('--dynamic', file)
  const { wanted } = dynamicSymbols(file)
  const stack = segments.find((line) => line.includes('GNU_STACK')) ?? ''
  return [
    !segments.some((line) => line.includes('GNU_RELRO')) && 'it has no RELRO segment',
    !/BIND_NOW/.test(dynamic) && 'its symbols are bound when they are used (no BIND_NOW)',
    /TEXTREL/.test(dynamic) && 'its code is written to when it is loaded (TEXTREL)',
    /RPATH|RUNPATH/.test(dynamic) && 'it says where libraries are (RPATH)',
    !/ RW +0x/.test(stack) && 'its stack may be executed, or it does not say (GNU_STACK)',
    segments.some((line) => /LOAD .* RWE /.test(line)) && 'it has memory that can be written and executed',
    !wanted.some(({ name }) => name === '__stack_chk_fail') && 'its stack is not protected (-fstack-protector-strong)',
    // What its checks say (portable.c) is in it only if code calls one of them.
    !readFileSync(file).includes('buffer overflow was detected') && 'its calls are not checked (_FORTIFY_SOURCE)',
  ]
}

function leftovers(file: string): (string | false)[] {
  const sections = readelf('--section-headers', file)
  const bytes = readFileSync(file, 'latin1')
  const paths = [process.cwd(), process.env.HOME].filter((path) => path !== undefined && path.length > 1)
  return [
    /\.symtab|\.debug_/.test(sections) && 'it is not stripped',
    /build-id/.test(sections) && 'it has a build id',
    ...paths.map((path) => bytes.includes(`${path}/`) && `it has the path ${path} in it`),
  ]
}

interface Wanted {
  readonly name: string
  readonly version: string | undefined
  readonly weak: boolean
}

/** Of a shared library. */
export function dynamicSymbols(file: string): { wanted: Wanted[]; exported: string[] } {
  const wanted: Wanted[] = []
  const exported: string[] = []
  for (const line of readelf('--dyn-syms', file).split('\n')) {
    // Number, value, size, type, binding, visibility, section, name.
    const [, , , , binding, , section, name] = line.trim().split(/\s+/)
    if (name === undefined || !['GLOBAL', 'WEAK'].includes(binding ?? '')) continue
    const [bare = '', version] = name.split(/@+/)
    if (section === 'UND') wanted.push({ name: bare, version, weak: binding === 'WEAK' })
    else exported.push(bare)
  }
  return { wanted, exported }
}

function nodeApiSymbols(): Set<string> {
  const { symbols } = require('node-api-headers') as {
    symbols: Record<string, { js_native_api_symbols: string[]; node_api_symbols: string[] }>
  }
  const version = symbols[`v${NODE_API}`]
  if (version === undefined) throw new Error(`node-api-headers tells nothing of Node-API ${NODE_API}`)
  return new Set([...version.js_native_api_symbols, ...version.node_api_symbols])
}

/**
 * What musl has, the same names on each processor; `undefined` where it is not installed (Debian's package musl). Its dynamic
 * linker knows some more, for programs that were built for glibc; they are not for relying on.
 */
export function muslSymbols(): Set<string> | undefined {
  const linker = readdirSync('/lib').find((name) => /^ld-musl-.*\.so\.1$/.test(name))
  return linker === undefined ? undefined : new Set(dynamicSymbols(`/lib/${linker}`).exported)
}

function readelf(option: string, file: string): string {
  return execFileSync('readelf', ['--wide', option, file], { encoding: 'utf8', maxBuffer: 1 << 26 })
}
