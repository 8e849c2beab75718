// A container as the OCI runtime specification describes it: a directory with config.json in it.
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The path of a bundle whose container runs `/true` of a root, as nearly as this package's full sandbox does it. */
export function makeBundle(root: string): string {
  const bundle = mkdtempSync(join(tmpdir(), 'bundle-'))
  const types = ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup', 'user']
  const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }]
  const none = { bounding: [], effective: [], permitted: [], inheritable: [], ambient: [] }
  const hidden = ['nosuid', 'noexec', 'nodev']
  const config = {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 1000, gid: 1000 },
      args: ['/true'],
      env: [],
      cwd: '/',
      capabilities: none,
      noNewPrivileges: true,
    },
    root: { path: root, readonly: true },
    hostname: 'sandbox',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc', options: hidden },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] },
      { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777'] },
    ],
    linux: {
      namespaces: types.map((type) => ({ type })),
      uidMappings: map,
      gidMappings: map,
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  }
  writeFileSync(join(bundle, 'config.json'), JSON.stringify(config))
  return bundle
}
