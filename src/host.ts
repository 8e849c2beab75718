// checkHost(), the public function; what it is made of is loaded when it is called.

import type { CheckHostOptions, HostReport } from './host/report-types.js'
import { checkInteger, checkKeys } from './validate.js'

const DEFAULT_TIMEOUT_MS = 30_000
const MAX_TIMEOUT_MS = 600_000

/**
 * What this host lets this process do, and why not: one row per capability, each found out by trying it in a child
 * process, with what its absence costs and what to do about it. Never rejects for what a host lacks, leaves nothing
 * behind, and takes about a second.
 *
 * @throws TypeError or RangeError for bad options
 * @example
 * const { defaultSandbox, capabilities } = await checkHost()
 * if (!defaultSandbox.starts) console.error(defaultSandbox.reason, defaultSandbox.remedy)
 * for (const { title, works, remedy } of capabilities) if (!works) console.log(title, remedy)
 */
export async function checkHost(options: CheckHostOptions = {}): Promise<HostReport> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS } = checkKeys('checkHost() options', options, ['timeoutMs'])
  const limitMs = checkInteger('checkHost().timeoutMs', timeoutMs, 1, MAX_TIMEOUT_MS)
  const { makeReport } = await import('./host/check.js')
  return makeReport(limitMs)
}
