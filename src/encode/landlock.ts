// The records of a Landlock ruleset: the same in the boot section and for a command with places of its own.

import type { LandlockStep } from '../landlock/plan.js'
import { bits, FILE_RIGHTS, NETWORK_RIGHTS, SCOPES } from '../landlock/rights.js'
import type { Subject, Writer } from './writer.js'

/** What an error at this step is about. */
export function landlockSubject(step: LandlockStep): Subject {
  switch (step.op) {
    case 'landlock':
      return { feature: 'landlock' }
    case 'landlock-path':
      return { path: step.path, feature: 'landlock' }
    case 'landlock-port':
      return { feature: `landlock, port ${step.port}` }
  }
}

/** Writes the payload of a record that has been begun. */
export function landlockRecord(writer: Writer, step: LandlockStep): Writer {
  switch (step.op) {
    case 'landlock':
      writer.u64(bits(FILE_RIGHTS, step.files)).u64(bits(NETWORK_RIGHTS, step.network))
      return writer.u64(bits(SCOPES, step.scopes))
    case 'landlock-path':
      return writer.u64(bits(FILE_RIGHTS, step.rights)).string(step.path)
    case 'landlock-port':
      return writer.u64(bits(NETWORK_RIGHTS, step.rights)).u32(step.port)
  }
}
