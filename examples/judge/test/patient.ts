// A suite whose tests have three minutes each unless they say otherwise: they compile, start services and judge, on machines
// that may be busy with other things.
import { type Suite, type SuiteOptions, suite } from '../../../test/support/suite.js'

export function patientSuite(subject: string, options?: SuiteOptions): Suite {
  const test = suite(subject, options)
  const patient: Suite = (name, body, given = {}) => test(name, body, { timeoutMs: 180_000, ...given })
  patient.run = test.run
  return patient
}
