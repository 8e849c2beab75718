// Control groups.
import { runAttacks } from './runner.js'
import { CGROUPS } from './table/cgroups.js'

runAttacks('cgroups', CGROUPS)
