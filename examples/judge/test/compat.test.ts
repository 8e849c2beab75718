// go-judge's API: requests as its clients send them, and what they read of the answers.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { patientSuite } from './patient.js'
import { type Service, startService, until } from './service.js'

const test = patientSuite('judge: go-judge', { warmUp: true })
const STDOUT = { name: 'stdout', max: 10_240 }
const STDERR = { name: 'stderr', max: 10_240 }

/** A command as clients write it. */
function cmd(args: string[], more: Record<string, unknown> = {}) {
  return {
    args,
    env: ['PATH=/usr/bin:/bin'],
    files: [{ content: '' }, STDOUT, STDERR],
    cpuLimit: 10e9,
    clockLimit: 60e9,
    memoryLimit: 256 << 20,
    procLimit: 50,
    ...more,
  }
}
const sh = (script: string, more: Record<string, unknown> = {}) => cmd(['/bin/sh', '-c', script], more)

async function run(service: Service, ...commands: object[]) {
  const { status, json, text } = await service.post('/run', { cmd: commands })
  assert.is(status, 200, text)
  assert.is(json.length, commands.length)
  return json
}

test('a program is compiled, kept, and run by the id of what was kept', async (t) => {
  const service = await startService(t)
  const source = '#include <stdio.h>\nint main(void) { int a, b; scanf("%d %d", &a, &b); printf("%d\\n", a + b); }\n'
  const [compiled] = await run(
    service,
    cmd(['/usr/bin/gcc', 'a.c', '-o', 'a'], {
      copyIn: { 'a.c': { content: source } },
      copyOut: ['stdout', 'stderr'],
      copyOutCached: ['a.c', 'a'],
    }),
  )
  assert.equal([compiled.status, compiled.exitStatus, compiled.files], ['Accepted', 0, { stdout: '', stderr: '' }])
  assert.ok(compiled.time > 1e6 && compiled.runTime > 1e6 && compiled.memory > 1 << 20)
  const { a } = compiled.fileIds
  const [ran] = await run(
    service,
    cmd(['a'], { files: [{ content: '1 1' }, STDOUT, STDERR], copyIn: { a: { fileId: a } } }),
  )
  assert.equal([ran.status, ran.files], ['Accepted', { stdout: '2\n', stderr: '' }])
  assert.is((await service.get(`/file/${compiled.fileIds['a.c']}`)).text, source)
})

test('each end has its status, with the code or the signal', async (t) => {
  const service = await startService(t)
  for (const [script, more, status, exitStatus] of [
    ['exit 3', {}, 'Nonzero Exit Status', 3],
    ['kill -SEGV $$', {}, 'Signalled', 11],
    ['while :; do :; done', { cpuLimit: 100e6 }, 'Time Limit Exceeded', 9],
    ['sleep 60', { clockLimit: 200e6 }, 'Time Limit Exceeded', 9],
    ['a=x; while :; do a=$a$a; done', { memoryLimit: 16 << 20 }, 'Memory Limit Exceeded', 9],
    ['(a=x; while :; do a=$a$a; done); echo fine', { memoryLimit: 16 << 20 }, 'Memory Limit Exceeded', 0],
    [
      'yes',
      { files: [null, { name: 'stdout', max: 5 }].map((file) => file ?? { content: '' }) },
      'Output Limit Exceeded',
      9,
    ],
    ['head -c 300000000 /dev/zero > file', {}, 'Nonzero Exit Status', undefined],
    ['echo fine', {}, 'Accepted', 0],
  ] as const) {
    const [result] = await run(service, sh(script, more))
    assert.is(result.status, status, `${script}: ${JSON.stringify(result)}`)
    if (exitStatus !== undefined) assert.is(result.exitStatus, exitStatus, script)
  }
  const [missing] = await run(service, cmd(['/no/such/program']))
  assert.is(missing.status, 'Internal Error')
  assert.match(missing.error, '/no/such/program')
})

test('a forbidden system call is a dangerous one', async (t) => {
  const service = await startService(t)
  const source = '#include <sys/ptrace.h>\nint main(void) { return ptrace(PTRACE_ATTACH, 1, 0, 0); }\n'
  const [compiled] = await run(
    service,
    cmd(['/usr/bin/gcc', 'a.c', '-o', 'a'], { copyIn: { 'a.c': { content: source } }, copyOutCached: ['a'] }),
  )
  const [result] = await run(service, cmd(['a'], { copyIn: { a: { fileId: compiled.fileIds.a } } }))
  assert.is(result.status, 'Dangerous Syscall')
})

test('files are copied in, into directories, too, may be changed there, and are copied out', async (t) => {
  const service = await startService(t)
  const [result] = await run(
    service,
    sh('cat a/b/c link; echo changed > a/b/c; rm d; echo new > a/b/e', {
      copyIn: { 'a/b/c': { content: 'in c,' }, d: { content: '' }, link: { symlink: 'a/b/c' } },
      copyOut: ['a/b/c', '/w/a/b/e', 'missing?'],
    }),
  )
  assert.equal(
    [result.status, result.files],
    ['Accepted', { stdout: 'in c,in c,', stderr: '', 'a/b/c': 'changed\n', 'a/b/e': 'new\n' }],
  )
})

test('what may not be copied out is a file error with its kind, and nobody waits for it', async (t) => {
  const service = await startService(t)
  const script =
    'ln -s /etc/passwd link; mkfifo pipe; mkdir dir; echo x > one; ln one two; truncate -s 100M large; ln -s / up'
  const [result] = await run(
    service,
    sh(script, { copyOut: ['link', 'pipe?', 'dir', 'one', 'large', 'missing', 'up/etc/passwd'], copyOutMax: 1000 }),
  )
  assert.is(result.status, 'File Error')
  assert.equal(
    result.fileError.map(({ name, type }: { name: string; type: string }) => [name, type]),
    [
      ['link', 'CopyOutNotRegularFile'],
      ['pipe', 'CopyOutNotRegularFile'],
      ['dir', 'CopyOutNotRegularFile'],
      ['one', 'CopyOutNotRegularFile'],
      ['large', 'CopyOutSizeExceeded'],
      ['missing', 'CopyOutOpen'],
      ['up/etc/passwd', 'CopyOutOpen'],
    ],
  )
  assert.equal(Object.keys(result.files), ['stdout', 'stderr'])
  const cut = await run(service, sh('echo 12345 > f', { copyOut: ['f'], copyOutMax: 3, copyOutTruncate: true }))
  assert.equal([cut[0].status, cut[0].files.f], ['Accepted', '123'])
})

test('two commands are connected by a pipe, and by two', async (t) => {
  const service = await startService(t)
  const pipe = { in: { index: 0, fd: 1 }, out: { index: 1, fd: 0 } }
  const one = await service.post('/run', {
    cmd: [
      cmd(['/bin/cat', '1'], { files: [{ content: '' }, null, STDERR], copyIn: { 1: { content: 'TEST 1' } } }),
      cmd(['/bin/cat'], { files: [null, STDOUT, STDERR] }),
    ],
    pipeMapping: [pipe],
  })
  assert.equal(
    one.json.map(({ status }: { status: string }) => status),
    ['Accepted', 'Accepted'],
  )
  assert.equal(one.json[1].files, { stdout: 'TEST 1', stderr: '' })
  const both = await service.post('/run', {
    cmd: [
      sh('echo question; read answer; echo "got $answer" >&2', { files: [null, null, STDERR] }),
      sh('read question; echo "to $question"', { files: [null, null, STDERR] }),
    ],
    pipeMapping: [
      { ...pipe, proxy: true, name: 'said', max: 5 },
      { in: { index: 1, fd: 1 }, out: { index: 0, fd: 0 }, proxy: true },
    ],
  })
  assert.equal(both.json[0].files, { stderr: 'got to question\n', said: 'quest' })
  assert.is(both.json[0].status, 'Accepted')
})

test('a writer whose reader has ended is ended by the pipe, and goes on with proxy', async (t) => {
  const service = await startService(t)
  const commands = [
    sh('i=0; while [ $i -lt 20000 ]; do echo 0123456789; i=$((i+1)); done; echo done >&2', {
      files: [{ content: '' }, null, STDERR],
    }),
    sh('head -c 1 > /dev/null', { files: [null, STDOUT, STDERR] }),
  ]
  const pipe = { in: { index: 0, fd: 1 }, out: { index: 1, fd: 0 } }
  const broken = await service.post('/run', { cmd: commands, pipeMapping: [pipe] })
  assert.is(broken.json[0].status, 'Signalled', broken.text)
  const proxied = await service.post('/run', { cmd: commands, pipeMapping: [{ ...pipe, proxy: true }] })
  assert.equal([proxied.json[0].status, proxied.json[0].files.stderr], ['Accepted', 'done\n'])
})

test('bad requests are answered with their place, and nothing of them is run', async (t) => {
  const service = await startService(t)
  const pipe = { in: { index: 0, fd: 1 }, out: { index: 0, fd: 0 } }
  for (const [body, message] of [
    ['{', /JSON/],
    [[], /Expected the request to be an object, received \[\]/],
    [{}, /Expected cmd to be a list of at least one command/],
    [{ cmd: [] }, /at least one command/],
    [{ cmd: [null] }, /Expected cmd\[0\] to be an object, received null/],
    [{ cmd: [cmd([])] }, /cmd\[0\]\.args to be a list that begins with a program/],
    [{ cmd: [cmd(['a\0b'])] }, /cmd\[0\]\.args\[0\] to be a text without zero bytes/],
    [{ cmd: [cmd(['a'], { env: ['PATH'] })] }, /cmd\[0\]\.env\[0\] to be a text like NAME=value/],
    [{ cmd: [cmd(['a'], { cpuLimit: -1 })] }, /cpuLimit to be a whole number from 0/],
    [{ cmd: [cmd(['a'], { cpuLimit: '1s' })] }, /cpuLimit to be a whole number .*received "1s"/],
    [{ cmd: [cmd(['a'], { memoryLimit: 2 ** 40 })] }, /cmd\[0\]\.memoryLimit to be at most/],
    [{ cmd: [cmd(['a'], { memoryLimit: 5 })] }, /cmd\[0\]: .*memory/],
    [{ cmd: [cmd(['a'], { cpuSetLimit: 'all' })] }, /cmd\[0\]: .*cpuset/],
    [{ cmd: [cmd(['a'], { tty: true })] }, /cmd\[0\]\.tty cannot be had here; a terminal/],
    [{ cmd: [cmd(['a'], { copyOutDir: '/tmp' })] }, /copyOutDir cannot be had here/],
    [{ cmd: [cmd(['a'], { files: [STDOUT] })] }, /files\[0\] to be an input/],
    [{ cmd: [cmd(['a'], { files: [{ content: '' }, { content: '' }] })] }, /files\[1\] to be a collector/],
    [{ cmd: [cmd(['a'], { files: [{ streamIn: true }] })] }, /no stream/],
    [{ cmd: [cmd(['a'], { files: [{ content: '' }, STDOUT, STDOUT] })] }, /collectors of different names/],
    [{ cmd: [cmd(['a'], { files: [{}, null, null, STDOUT] })] }, /files\[3\] to be left out/],
    [{ cmd: [cmd(['a'], { files: [null] })] }, /Expected a pipeMapping for cmd\[0\]\.files\[0\]/],
    [{ cmd: [cmd(['a'])], pipeMapping: [pipe] }, /cmd\[0\]\.files\[1\] to be null/],
    [
      { cmd: [cmd(['a'])], pipeMapping: [{ in: { index: 7, fd: 1 }, out: { index: 0, fd: 0 } }] },
      /index to be a whole number from 0 to 0/,
    ],
    [{ cmd: [cmd(['a'], { copyIn: { x: { fileId: 'none' } } })] }, /no file with the id "none"/],
    [{ cmd: [cmd(['a'], { copyIn: { x: { src: '/etc/shadow' } } })] }, /"\/etc\/shadow" of the host may not be read/],
    [{ cmd: [cmd(['a'], { copyIn: { x: { content: '' }, 'x/y': { content: '' } } })] }, /none of them in another/],
    ...['../x', '/etc/passwd', 'a/../../x', './x', '', '/w/', '/w/../x', 'a//b', 'x\0y'].flatMap(
      (path) =>
        [
          [{ cmd: [cmd(['a'], { copyIn: { [path]: { content: '' } } })] }, /to be (at )?a (path below \/w|text)/],
          [{ cmd: [cmd(['a'], { copyOut: [path] })] }, /to be (at )?a (path below \/w|text)/],
        ] as const,
    ),
  ] as const) {
    const answer = await service.post('/run', body)
    assert.is(answer.status, 400, `${JSON.stringify(body).slice(0, 200)} ${answer.text}`)
    assert.match(answer.json.error, message)
  }
  assert.is((await run(service, sh('echo fine')))[0].status, 'Accepted')
})

test('bombs harm nobody: compressed bodies, archives that unpack without end, files without number', async (t) => {
  const service = await startService(t)
  const encoded = await service.post('/run', { cmd: [sh('true')] }, { 'Content-Encoding': 'gzip' })
  assert.ok(encoded.status === 200 || encoded.status === 400 || encoded.status === 415, encoded.text)
  assert.is((await service.post('/run', `{"cmd":[${'{},'.repeat(100_000)}{}]}`)).status, 400)
  assert.is((await service.post('/run', 'x'.repeat(33 << 20))).status, 413)
  const [unpacked] = await run(
    service,
    sh('head -c 250000000 /dev/zero | gzip -1 > bomb.gz; gunzip -c bomb.gz > bomb; echo $?; rm -f bomb', {
      memoryLimit: 64 << 20,
      copyOut: ['bomb.gz?'],
      copyOutMax: 100,
    }),
  )
  assert.ok(['Memory Limit Exceeded', 'Output Limit Exceeded', 'File Error'].includes(unpacked.status), unpacked.status)
  const [many] = await run(service, sh('i=0; while echo > f$i; do i=$((i+1)); done 2>/dev/null; echo $i; exit 0'))
  assert.ok(Number(many.files.stdout) < 40_000, many.files.stdout)
})

test('files of the host are read only below the directories that are named, whatever links say', async (t) => {
  const directory = t.tempDir()
  mkdirSync(join(directory, 'data'))
  writeFileSync(join(directory, 'data/in'), 'from the host')
  writeFileSync(join(directory, 'secret'), 'secret')
  symlinkSync('../secret', join(directory, 'data/link'))
  const service = await startService(t, { compat: { hostPrefixes: [join(directory, 'data')] } })
  const files = (src: string) => ({ files: [{ src }, STDOUT, STDERR] })
  const [result] = await run(service, cmd(['/bin/cat'], files(join(directory, 'data/in'))))
  assert.is(result.files.stdout, 'from the host')
  for (const path of ['data/link', 'data/../secret', 'secret', 'data', 'data/none']) {
    const answer = await service.post('/run', { cmd: [cmd(['/bin/cat'], files(`${directory}/${path}`))] })
    assert.is(answer.status, 400, path)
  }
})

async function upload(service: Service, content: string, name = 'file', filename = 'in.txt') {
  const form = new FormData()
  form.append(name, new Blob([content]), filename)
  const response = await fetch(`${service.url}/file`, { method: 'POST', body: form, headers: { Connection: 'close' } })
  return { status: response.status, text: await response.text() }
}

test('files are put, listed, read and deleted; what does not fit is refused', async (t) => {
  const service = await startService(t, { compat: { storeBytes: 100, storeFiles: 2 } })
  const put = await upload(service, 'hello')
  assert.is(put.status, 200, put.text)
  const id = JSON.parse(put.text)
  assert.equal((await service.get('/file')).json, { [id]: 'in.txt' })
  assert.is((await service.get(`/file/${id}`)).text, 'hello')
  const [result] = await run(service, cmd(['/bin/cat'], { files: [{ fileId: id }, STDOUT, STDERR] }))
  assert.is(result.files.stdout, 'hello')
  assert.is((await upload(service, 'x'.repeat(96))).status, 507)
  assert.is((await upload(service, 'x'.repeat(1000))).status, 413)
  assert.is((await upload(service, 'x', 'other')).status, 400)
  assert.is((await service.post('/file', {})).status, 400)
  const [kept] = await run(service, sh('head -c 99 /dev/zero > f', { copyOutCached: ['f'] }))
  assert.equal([kept.status, kept.fileError[0].type], ['File Error', 'CopyOutSizeExceeded'])
  const remove = () => fetch(`${service.url}/file/${id}`, { method: 'DELETE', headers: { Connection: 'close' } })
  assert.equal([(await remove()).status, (await remove()).status], [200, 404])
  for (const path of [`/file/${id}`, '/file/..%2f..%2fetc%2fpasswd']) assert.is((await service.get(path)).status, 404)
})

test('a client that goes away has its programs ended', async (t) => {
  const service = await startService(t, { concurrency: 1 })
  const leaving = request(`${service.url}/run`, { method: 'POST', headers: { 'Content-Type': 'application/json' } })
  leaving.on('error', () => {})
  leaving.end(JSON.stringify({ cmd: [sh('sleep 1000', { clockLimit: 200e9 })] }))
  await until(() => service.machine.pending === 1, 'the program runs')
  leaving.destroy()
  await until(() => service.machine.pending === 0, 'the program is ended')
  assert.is((await run(service, sh('echo fine')))[0].status, 'Accepted')
})

test('with more waiting than may wait, the answer is 429', async (t) => {
  const service = await startService(t, { concurrency: 1, queueLimit: 1 })
  const slow = { cmd: [sh('sleep 2')] }
  const answers = await Promise.all(Array.from({ length: 6 }, () => service.post('/run', slow)))
  const statuses = answers.map(({ status }) => status).sort()
  assert.equal(statuses, [200, 200, 429, 429, 429, 429])
})

test('what it is and can do is told', async (t) => {
  const service = await startService(t)
  const version = (await service.get('/version')).json
  assert.equal([version.os, version.symlink, version.pipeProxy, version.stream], ['linux', true, true, false])
  assert.is((await service.get('/config')).json.copyOutOptional, true)
})

test.run()
