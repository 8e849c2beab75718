// Sources of mounts: who opens them, which restrictions they carry, whose owners they show.

import type { MountAttribute, MountSource } from '../plan-types.js'

/** Read-only, and neither set-user-id bits nor device nodes count. */
export const READONLY: readonly MountAttribute[] = ['rdonly', 'nosuid', 'nodev']
/** Neither set-user-id bits nor device nodes count. */
export const WRITABLE: readonly MountAttribute[] = ['nosuid', 'nodev']

/** What a source's kind follows from. */
export interface SourceContext {
  /** The caller is root: mounts are lent, which keeps their owners and needs no path lookups inside. */
  readonly privileged: boolean
  /** Owners can be shown through the id map: the caller is root and the user namespace is new. */
  readonly idMapped: boolean
}

/** Details of one source. */
export interface SourceOptions {
  readonly attributes: readonly MountAttribute[]
  readonly recursive?: boolean
  readonly optional?: boolean
  readonly idMapped?: boolean
  readonly layer?: boolean
}

/** A directory or file of the host: lent by a privileged caller, opened by path for any other. */
export function hostSource(context: SourceContext, path: string, options: SourceOptions): MountSource {
  const { attributes, recursive = false, optional = false, idMapped = false, layer = false } = options
  return {
    path,
    lent: context.privileged,
    recursive,
    idMapped: idMapped && context.idMapped,
    layer,
    devices: false,
    optional,
    attributes,
  }
}

const DEVICE: Omit<MountSource, 'path'> = {
  lent: false,
  recursive: false,
  idMapped: false,
  layer: false,
  devices: false,
  optional: false,
  attributes: ['nosuid', 'noexec'],
}

/** A device node of the host, which is always opened by path. */
export function deviceSource(path: string): MountSource {
  return { ...DEVICE, path }
}

/** A fresh directory with the nodes and links of `/dev`, which only a privileged caller can make. */
export function devicesSource(context: SourceContext): MountSource {
  return { ...DEVICE, path: '/dev', lent: true, idMapped: context.idMapped, devices: true }
}
