// Limits.
import { runAttacks } from './runner.js'
import { LIMITS } from './table/limits.js'

runAttacks('limits', LIMITS)
