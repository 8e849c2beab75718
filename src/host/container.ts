// Which container runtime, if any, this process seems to run under, and what its users set to let sandboxes start.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the markers say. `'container'` is one whose maker is not known; `'wsl1'` is no Linux kernel at all. */
export type ContainerKind =
  | 'docker'
  | 'podman'
  | 'kubernetes'
  | 'lxc'
  | 'systemd-nspawn'
  | 'gvisor'
  | 'wsl1'
  | 'container'

function read(root: string, path: string): string {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return ''
  }
}

// What runtimes call themselves in $container (systemd's container interface) and in /run/systemd/container.
const NAMES: Readonly<Record<string, ContainerKind>> = {
  docker: 'docker',
  podman: 'podman',
  oci: 'container',
  lxc: 'lxc',
  'lxc-libvirt': 'lxc',
  'systemd-nspawn': 'systemd-nspawn',
}

/**
 * Guesses from the marks that runtimes leave: nothing of it is a proof.
 *
 * @param root the directory that stands for `/`
 */
export function detectContainer(root = '/'): ContainerKind | undefined {
  const has = (path: string) => existsSync(join(root, path))
  const version = read(root, 'proc/version')
  if (/gvisor/i.test(version)) return 'gvisor'
  if (/microsoft/i.test(version) && !/wsl2/i.test(version) && /^Linux version 4\.4\./.test(version)) return 'wsl1'
  const groups = read(root, 'proc/self/cgroup')
  if (has('var/run/secrets/kubernetes.io') || has('run/secrets/kubernetes.io') || /kubepods/.test(groups))
    return 'kubernetes'
  if (has('run/.containerenv') || /\/libpod-/.test(groups)) return 'podman'
  if (has('.dockerenv') || /\/docker[/-]/.test(groups)) return 'docker'
  const told =
    /(?:^|\0)container=([^\0]+)/.exec(read(root, 'proc/1/environ'))?.[1] ?? read(root, 'run/systemd/container').trim()
  if (told !== '') return NAMES[told] ?? 'container'
  return /\/lxc(\.payload)?[./]/.test(groups) ? 'lxc' : undefined
}

/** How the whole of a runtime's confinement is taken off a container, as text that can be copied. */
export function containerRemedy(container: ContainerKind | undefined): string {
  const docker =
    'docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined'
  const podman = 'podman run --security-opt seccomp=unconfined --security-opt unmask=ALL'
  switch (container) {
    case 'docker':
      return `Start the container with: \`${docker}\`.`
    case 'podman':
      return `Start the container with: \`${podman}\`.`
    case 'kubernetes':
      return (
        "Give the pod hostUsers: false and the container's securityContext: { seccompProfile: { type: Unconfined }, " +
        'appArmorProfile: { type: Unconfined }, procMount: Unmasked }.'
      )
    case 'lxc':
      return "Set security.nesting=true (incus, LXD) or lxc.include = /usr/share/lxc/config/nesting.conf in the container's configuration."
    case 'systemd-nspawn':
      return 'Start the container with: `systemd-nspawn --private-users=no --system-call-filter="@mount pivot_root clone3" --capability=CAP_SYS_ADMIN`.'
    case 'gvisor':
    case 'wsl1':
      return 'Run it on a Linux kernel: this one only imitates its interface.'
    default:
      return `In a container: \`${docker}\` or \`${podman}\`; under systemd: take RestrictNamespaces= and SystemCallFilter= out of the unit.`
  }
}
