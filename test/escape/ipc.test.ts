// Meeting another run.
import { runAttacks } from './runner.js'
import { IPC } from './table/ipc.js'

runAttacks('ipc', IPC)
