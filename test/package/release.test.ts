// What `npm run release:check` finds wrong, and that the workflows call what there is.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { parse } from 'yaml'
import { problemsOfRelease, type Release } from '../release/facts.js'
import { problemsOfTarball } from '../release/tarball.js'
import { suite } from '../support/suite.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const WORKFLOWS = `${ROOT}.github/workflows`
const manifest = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))

const READY: Release = {
  package: {
    name: 'cofferdam',
    version: '1.2.3',
    license: 'MIT',
    repository: { type: 'git', url: 'git+https://example.org/somebody/cofferdam.git' },
    publishConfig: { access: 'public', provenance: true },
  },
  changelog: '# Changelog\n\n## 1.2.3\n\n- It works.\n',
  changesets: ['README.md', 'config.json'],
  tags: ['v1.2.2'],
  status: '',
}

const test = suite('release')

test('a release that is ready has no problem', () => {
  assert.equal(problemsOfRelease(READY), [])
  assert.equal(problemsOfRelease({ ...READY, changelog: '## [1.2.3] - 2026-01-31\n' }), [])
})

const SPOILT: readonly (readonly [string, Partial<Release['package']>, Partial<Release>, RegExp])[] = [
  ['a version that is none', { version: '1.2' }, { changelog: '## 1.2\n' }, /1\.2, which is not a semantic version/],
  ['a private package', { private: true }, {}, /private/],
  ['a placeholder for a repository', { repository: 'https://<host>/<owner>/<name>' }, {}, /no address/],
  ['no provenance', { publishConfig: { access: 'public' } }, {}, /publishConfig\.provenance/],
  ['no access', { publishConfig: { provenance: true } }, {}, /publishConfig\.access/],
  ['a changeset that waits', {}, { changesets: ['README.md', 'some-change.md'] }, /some-change\.md.*release:version/],
  ['another version in the changelog', {}, { changelog: '## 1.2.30\n' }, /no section for 1\.2\.3/],
  ['a section that is not released', {}, { changelog: '## [1.2.3] - unreleased\n' }, /no section for 1\.2\.3/],
  ['entries without a version', {}, { changelog: '## [Unreleased]\n\n## 1.2.3\n' }, /"Unreleased"/],
  ['a version that was released', {}, { tags: ['v1.2.3'] }, /tag v1\.2\.3 already/],
  ['changes that are not committed', {}, { status: ' M src/index.ts\n' }, /not committed:\n M src\/index\.ts/],
]

for (const [what, inPackage, other, expected] of SPOILT) {
  test(`a release is stopped by ${what}`, () => {
    const problems = problemsOfRelease({ ...READY, ...other, package: { ...READY.package, ...inPackage } })
    assert.is(problems.length, 1, problems.join('\n'))
    assert.match(problems[0] ?? '', expected)
  })
}

test('a release is stopped by a missing repository, which is said how to name', () => {
  const { repository: _, ...rest } = READY.package
  assert.match(problemsOfRelease({ ...READY, package: rest }).join(), /has no repository: set it to/)
})

test('this package asks for provenance and public access', () => {
  assert.equal(manifest.publishConfig, { access: 'public', provenance: true })
})

test('a tarball is stopped by a missing addon, a foreign one, or its size', () => {
  const files = ['linux-x64', 'linux-arm64'].map((name) => ({ path: `prebuilds/${name}/cofferdam.node` }))
  assert.equal(problemsOfTarball({ size: 1e6, unpackedSize: 3e6, files }), [])
  assert.match(problemsOfTarball({ size: 1e6, unpackedSize: 3e6, files: files.slice(1) }).join(), /linux-x64.*missing/)
  const foreign = [...files, { path: 'binding/build/Release/cofferdam.node' }]
  assert.match(problemsOfTarball({ size: 1e6, unpackedSize: 3e6, files: foreign }).join(), /does not belong/)
  assert.match(problemsOfTarball({ size: 5e6, unpackedSize: 3e6, files }).join(), /5000000 bytes, more than/)
  assert.match(problemsOfTarball({ size: 1e6, unpackedSize: 3e7, files }).join(), /unpacked/)
})

test('every workflow is YAML with jobs, and calls scripts that there are', () => {
  const names = readdirSync(WORKFLOWS)
  assert.equal(names.sort(), ['ci.yml', 'release.yml'])
  for (const name of names) {
    const { jobs, on, permissions } = parse(readFileSync(`${WORKFLOWS}/${name}`, 'utf8'))
    assert.ok(on && permissions, name)
    for (const [job, { steps, ...rest }] of Object.entries<{ steps: Step[]; needs?: string }>(jobs)) {
      if (rest.needs !== undefined) assert.ok(rest.needs in jobs, `${name}: ${job} needs ${rest.needs}`)
      assert.ok(steps.length > 0 && steps.every(({ uses, run }) => (uses === undefined) !== (run === undefined)), job)
      const commands = steps.map(({ run = '' }) => run).join('\n')
      for (const [, script] of commands.matchAll(/npm run (?:--silent )?([\w:]+)/g))
        assert.ok(script !== undefined && script in manifest.scripts, `${name}: there is no script ${script}`)
    }
  }
})

interface Step {
  uses?: string
  run?: string
}

test.run()
