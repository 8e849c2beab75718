// What must hold of the tarball that would be published.
import { TARGETS } from '../../binding/prebuild/target.js'

/** As `npm pack --json` reports it. */
export interface PackReport {
  /** Bytes, compressed and not. */
  readonly size: number
  readonly unpackedSize: number
  readonly files: readonly { readonly path: string }[]
}

/** What a user downloads, and what it takes on a disk, at most. Two addons are a third of it. */
export const MAX_PACKED_BYTES = 1_200_000
export const MAX_UNPACKED_BYTES = 4_000_000

export function problemsOfTarball({ size, unpackedSize, files }: PackReport): string[] {
  const paths = new Set(files.map(({ path }) => path))
  const addons = TARGETS.map(({ name }) => `prebuilds/${name}/cofferdam.node`)
  const problems = [
    ...addons.map((path) => !paths.has(path) && `${path} is missing: run npm run prebuild`),
    ...[...paths].map((path) => path.endsWith('.node') && !addons.includes(path) && `${path} does not belong in it`),
    size > MAX_PACKED_BYTES && `it has ${size} bytes, more than ${MAX_PACKED_BYTES}`,
    unpackedSize > MAX_UNPACKED_BYTES && `unpacked it has ${unpackedSize} bytes, more than ${MAX_UNPACKED_BYTES}`,
  ]
  return problems.filter((problem): problem is string => typeof problem === 'string')
}
