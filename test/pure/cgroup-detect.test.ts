// Which hierarchies there are and where this process is in them, from texts of real hosts.
import * as assert from 'uvu/assert'
import { parseHierarchies } from '../../src/cgroup/detect.js'
import { suite } from '../support/suite.js'

const test = suite('cgroup detection')

const mount = (id: number, root: string, point: string, type: string, options: string) =>
  `${id} 30 0:${id} ${root} ${point} rw,nosuid,nodev,noexec,relatime shared:9 - ${type} ${type} ${options}\n`

test('a pure v2 host: one hierarchy, and the group is below its mount', () => {
  assert.equal(
    parseHierarchies(
      '0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope\n',
      mount(35, '/', '/sys/fs/cgroup', 'cgroup2', 'rw,nsdelegate,memory_recursiveprot'),
    ),
    [
      {
        version: 2,
        controllers: [],
        base: '/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/run-r1.scope',
      },
    ],
  )
})

test('a hybrid host: v2 first, v1 controllers by name, named hierarchies left out', () => {
  const cgroup = '9:name=systemd:/\n8:pids:/\n4:memory:/jobs/abc\n3:cpuset:/\n2:cpu,cpuacct:/\n0::/\n'
  const mountinfo =
    '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n' +
    mount(32, '/', '/sys/fs/cgroup/cpu,cpuacct', 'cgroup', 'rw,cpu,cpuacct') +
    mount(34, '/', '/sys/fs/cgroup/cpuset', 'cgroup', 'rw,cpuset') +
    mount(35, '/', '/sys/fs/cgroup/memory', 'cgroup', 'rw,memory') +
    mount(39, '/', '/sys/fs/cgroup/pids', 'cgroup', 'rw,pids') +
    mount(40, '/', '/sys/fs/cgroup/systemd', 'cgroup', 'rw,name=systemd') +
    mount(41, '/', '/sys/fs/cgroup/unified', 'cgroup2', 'rw')
  assert.equal(parseHierarchies(cgroup, mountinfo), [
    { version: 2, controllers: [], base: '/sys/fs/cgroup/unified' },
    { version: 1, controllers: ['pids'], base: '/sys/fs/cgroup/pids' },
    { version: 1, controllers: ['memory'], base: '/sys/fs/cgroup/memory/jobs/abc' },
    { version: 1, controllers: ['cpuset'], base: '/sys/fs/cgroup/cpuset' },
    { version: 1, controllers: ['cpu', 'cpuacct'], base: '/sys/fs/cgroup/cpu,cpuacct' },
  ])
})

test('a container that sees its own part of the hierarchy: the mount’s root is taken off', () => {
  const mountinfo = mount(50, '/docker/abc', '/sys/fs/cgroup/memory', 'cgroup', 'rw,memory')
  assert.is(parseHierarchies('4:memory:/docker/abc\n', mountinfo)[0]?.base, '/sys/fs/cgroup/memory')
  assert.is(parseHierarchies('4:memory:/docker/abc/inner\n', mountinfo)[0]?.base, '/sys/fs/cgroup/memory/inner')
})

test('a group that the mount does not reach cannot be used', () => {
  const mountinfo = mount(50, '/docker/abc', '/sys/fs/cgroup', 'cgroup2', 'rw')
  assert.equal(parseHierarchies('0::/docker/abcdef\n', mountinfo), [])
  assert.equal(parseHierarchies('0::/elsewhere\n', mountinfo), [])
})

test('a group or mount outside the cgroup namespace cannot be used', () => {
  assert.equal(parseHierarchies('0::/../other\n', mount(5, '/', '/sys/fs/cgroup', 'cgroup2', 'rw')), [])
  assert.equal(parseHierarchies('0::/..\n', mount(5, '/', '/sys/fs/cgroup', 'cgroup2', 'rw')), [])
  assert.equal(parseHierarchies('0::/\n', mount(5, '/../..', '/sys/fs/cgroup', 'cgroup2', 'rw')), [])
  assert.is(parseHierarchies('0::/a..b\n', mount(5, '/', '/c', 'cgroup2', 'rw'))[0]?.base, '/c/a..b')
})

test('of two mounts of one hierarchy the one that reaches the group is taken', () => {
  const mountinfo = mount(5, '/other', '/first', 'cgroup2', 'rw') + mount(6, '/', '/second', 'cgroup2', 'rw')
  assert.is(parseHierarchies('0::/mine\n', mountinfo)[0]?.base, '/second/mine')
})

test('blanks in paths are read as the kernel writes them', () => {
  const mountinfo = mount(5, '/', '/my\\040groups', 'cgroup2', 'rw')
  assert.is(parseHierarchies('0::/a b\n', mountinfo)[0]?.base, '/my groups/a b')
})

test('a colon in a group’s name is part of it', () => {
  assert.is(parseHierarchies('0::/a:b\n', mount(5, '/', '/c', 'cgroup2', 'rw'))[0]?.base, '/c/a:b')
})

test('a host without cgroups, or without /proc, has none', () => {
  assert.equal(parseHierarchies('', ''), [])
  assert.equal(parseHierarchies('0::/\n', '22 1 0:5 / / rw - ext4 /dev/sda rw\n'), [])
  assert.equal(parseHierarchies('garbage\n1:memory\n', 'garbage\n- -\n'), [])
})

test.run()
