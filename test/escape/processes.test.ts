// Other processes.
import { runAttacks } from './runner.js'
import { PROCESSES } from './table/processes.js'

runAttacks('processes', PROCESSES)
