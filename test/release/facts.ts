// What a release must be, before anything is built: its version, its changelog, and where it says that it comes from.

export interface Release {
  /** The parsed package.json. */
  readonly package: {
    readonly name: string
    readonly version: string
    readonly private?: boolean
    readonly license?: string
    readonly repository?: string | { readonly type?: string; readonly url?: string }
    readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean }
  }
  readonly changelog: string
  /** Names of files in .changeset/. */
  readonly changesets: readonly string[]
  /** Tags of the repository. */
  readonly tags: readonly string[]
  /** `git status --porcelain`. */
  readonly status: string
}

/** Problems, each a sentence that says what to do; none when it may be released. */
export function problemsOfRelease(release: Release): string[] {
  const { version, license, publishConfig } = release.package
  const pending = release.changesets.filter((name) => name.endsWith('.md') && name !== 'README.md')
  const problems = [
    !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version) &&
      `package.json has version ${version}, which is not a semantic version`,
    release.package.private === true && 'package.json says that the package is private',
    license === undefined && 'package.json names no license',
    repositoryProblem(release.package.repository),
    publishConfig?.provenance !== true &&
      'package.json does not ask for provenance: set publishConfig.provenance to true',
    publishConfig?.access !== 'public' &&
      "package.json does not say who may have it: set publishConfig.access to 'public'",
    pending.length > 0 && `changes wait for a version (${pending.join(', ')}): run npm run release:version, and commit`,
    !hasSection(release.changelog, version) && `CHANGELOG.md has no section for ${version}`,
    /^## \[?Unreleased\]?/m.test(release.changelog) &&
      'CHANGELOG.md has a section "Unreleased": move its entries to that of the version',
    release.tags.includes(`v${version}`) && `there is a tag v${version} already: this version was released`,
    release.status !== '' && `the work tree has changes that are not committed:\n${release.status.trimEnd()}`,
  ]
  return problems.filter((problem): problem is string => typeof problem === 'string')
}

/** npm compares the address with that of the workflow that publishes, and refuses provenance if they differ. */
function repositoryProblem(repository: Release['package']['repository']): string | undefined {
  const url = typeof repository === 'string' ? repository : repository?.url
  if (url === undefined)
    return 'package.json has no repository: set it to { "type": "git", "url": "git+https://<host>/<owner>/<name>.git" }, without which there is no provenance'
  return /^(git\+)?https:\/\/[^/<>]+\/[^/<>]+\/[^<>]+$|^github:[\w.-]+\/[\w.-]+$/.test(url)
    ? undefined
    : `package.json has the repository ${url}, which is no address that can be compared with the publishing workflow's`
}

/** One that has been released: the version alone, or with a date. */
function hasSection(changelog: string, version: string): boolean {
  const heading = changelog
    .split('\n')
    .find((line) => new RegExp(`^## \\[?${version.replaceAll('.', '\\.')}\\]?( |$)`).test(line))
  return heading !== undefined && !/unreleased/i.test(heading)
}
