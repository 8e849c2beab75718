// The bytes of a box without a command, and of commands in one: only what their moment needs, and errors that name it.
import * as assert from 'uvu/assert'
import { BOOT, EXEC, HOST, REQUEST_FLAG } from '../../src/encode/wire.js'
import { type CommandRequest, encodeInBox, encodeOpen, encodePlan, encodeRequest } from '../../src/encode.js'
import { makePlan } from '../../src/plan.js'
import { DEFAULT_RECIPE, type Recipe } from '../../src/recipe.js'
import { suite } from '../support/suite.js'
import { facts, PURE_V2 } from './facts.js'
import { type Decoded, decodeRequest } from './wire-decoder.js'

const test = suite('encode a box')

const COMMAND: CommandRequest = {
  command: { file: '/bin/tool', argv: ['/bin/tool'] },
  stdio: [{ kind: 'null' }, { kind: 'collect' }, { kind: 'path', path: '/tmp/e', append: true }],
  outputBytes: 1000,
  collect: true,
  inBox: true,
}

function encode(recipe: Partial<Recipe> = {}) {
  const known = facts({ cgroups: PURE_V2 })
  const plan = makePlan({ ...DEFAULT_RECIPE, ...recipe }, known)
  const whole = encodePlan(plan, known, undefined)
  // One piece of memory serves all requests: each is read before the next is made.
  const commands = encodeInBox(plan, whole, known, false)
  const openBytes = encodeOpen(whole, commands)
  const open = decodeRequest(Buffer.from(openBytes.bytes))
  const inBox = encodeRequest(commands, COMMAND)
  const command = decodeRequest(Buffer.from(inBox.bytes))
  const fresh = decodeRequest(Buffer.from(encodeRequest(encodeInBox(plan, whole, known, true), COMMAND).bytes))
  const oneShot = decodeRequest(Buffer.from(encodeRequest(whole, { ...COMMAND, inBox: false }).bytes))
  return { plan, open, openBytes, command, inBox, fresh, oneShot }
}

const ops = (records: readonly Decoded[]) => records.map(({ op }) => op)

test('a box is opened with the host and boot sections of a sandbox, and what its commands begin with', () => {
  const { open, oneShot, command } = encode()
  assert.ok(open.flags & REQUEST_FLAG.WIRE_SHARED)
  assert.not.ok(command.flags & REQUEST_FLAG.WIRE_SHARED)
  assert.ok(ops(open.exec).includes(EXEC.EXEC_USER))
  assert.not.ok(ops(open.exec).includes(EXEC.EXEC_COMMAND))
  assert.equal(open.exec, command.exec.slice(0, open.exec.length))
  assert.equal(ops(open.boot), ops(oneShot.boot))
  const streams: number[] = [HOST.HOST_STDIO, HOST.HOST_OUTPUT_LIMIT]
  assert.equal(
    ops(open.host),
    ops(oneShot.host).filter((op) => !streams.includes(op)),
  )
})

test('a command in a box has its streams and groups, and nothing that was done at the boot', () => {
  const { command, oneShot } = encode({ limits: { pids: 5 } })
  assert.equal(command.boot, [])
  const done: number[] = [HOST.HOST_TREE, HOST.HOST_WORKDIR, HOST.HOST_CLOCK_OFFSETS, HOST.HOST_RLIMIT, HOST.HOST_NICE]
  assert.equal(
    ops(command.host),
    ops(oneShot.host).filter((op) => !done.includes(op)),
  )
  assert.ok(ops(command.host).includes(HOST.HOST_LIMIT))
  assert.ok(ops(oneShot.host).includes(HOST.HOST_TREE))
})

test('a sandbox ends with its command, a box does not', () => {
  const { command, oneShot, fresh } = encode()
  assert.ok(ops(oneShot.exec).includes(EXEC.EXEC_LAST))
  assert.not(ops(command.exec).includes(EXEC.EXEC_LAST))
  assert.not(ops(fresh.exec).includes(EXEC.EXEC_LAST))
})

test('a command that finds its box as new has everything in memory anew, and no other has', () => {
  const { command, fresh, plan } = encode({
    mounts: [{ kind: 'tmpfs', target: '/run', sizeBytes: 4096, mode: 0o755 }],
  })
  const isFresh = (op: number) => op >= EXEC.EXEC_FRESH_NAMESPACES
  assert.equal(ops(command.exec).filter(isFresh), [])
  assert.equal(ops(fresh.exec).filter(isFresh), [
    EXEC.EXEC_FRESH_NAMESPACES,
    EXEC.EXEC_FRESH_STAGE,
    ...plan.boot.filter(({ op }) => op === 'scratch').map(() => EXEC.EXEC_FRESH_SCRATCH),
    EXEC.EXEC_FRESH_TMPFS,
    EXEC.EXEC_FRESH_MQUEUE,
  ])
  const record = (op: number) => fresh.exec.find((one) => one.op === op)?.payload
  assert.is(record(EXEC.EXEC_FRESH_NAMESPACES)?.u64(), 0x00020000n | 0x08000000n, 'CLONE_NEWNS | CLONE_NEWIPC')
  const stage = record(EXEC.EXEC_FRESH_STAGE)
  const planned = plan.boot.find((step) => step.op === 'stage')
  assert.is(stage?.u64(), BigInt(planned?.op === 'stage' ? planned.sizeBytes : 0))
  stage?.u32()
  const last = plan.boot.findLast((step) => step.op === 'scratch')
  assert.is(stage?.string(), last?.op === 'scratch' ? last.target : '', 'the last of its directories hides it')
  assert.ok(stage?.done)
})

test('a failure in a box is told by what its record is about', () => {
  const { openBytes, open, inBox, command } = encode({ limits: { pids: 5 } })
  const at = (records: readonly Decoded[], op: number) => records.findIndex((record) => record.op === op)
  const tree = openBytes.subject(0, at(open.host, HOST.HOST_TREE))
  assert.ok(tree?.path)
  assert.is(openBytes.subject(1, at(open.boot, BOOT.BOOT_PROC))?.path, '/proc')
  const streams = command.host.flatMap(({ op }, i) => (op === HOST.HOST_STDIO ? [i] : []))
  assert.is(inBox.subject(0, streams[2] ?? -1)?.path, '/tmp/e')
  assert.is(inBox.subject(2, at(command.exec, EXEC.EXEC_COMMAND))?.path, '/bin/tool')
})

test.run()
