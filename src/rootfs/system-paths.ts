// Which of the host's system directories there are, for the root of recipes that name none.

import { lstatSync, readlinkSync } from 'node:fs'

/** A system path of the host: a link to replicate, or something to mount. */
export interface SystemPath {
  readonly path: string
  /** Where a symbolic link leads; `undefined` for files and directories. */
  readonly link: string | undefined
}

// What compilers and interpreters of Debian, Fedora and Alpine read, and nothing that holds a secret: /etc/ssl/private
// and /etc/pki/tls/private stay out, also because a sandbox's root could read root's files in an id-mapped mount.
const CANDIDATES = [
  '/usr',
  '/bin',
  '/sbin',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/ssl/certs',
  '/etc/ssl/cert.pem',
  '/etc/ssl/openssl.cnf',
  '/etc/pki/ca-trust',
  '/etc/pki/tls/certs',
  '/etc/pki/tls/cert.pem',
  '/etc/pki/tls/openssl.cnf',
  '/etc/crypto-policies',
  '/etc/ca-certificates',
  '/etc/ca-certificates.conf',
  '/etc/localtime',
  '/etc/timezone',
  '/etc/os-release',
  '/etc/perl',
  '/etc/python3',
  '/etc/mime.types',
  '/etc/protocols',
  '/etc/services',
]

/** The candidates that exist; reads metadata only. */
export function readSystemPaths(): readonly SystemPath[] {
  const found: SystemPath[] = []
  for (const path of CANDIDATES) {
    try {
      found.push(Object.freeze({ path, link: lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined }))
    } catch {
      // Not on this distribution.
    }
  }
  return Object.freeze(found)
}
