// Files of the host.
import { runAttacks } from './runner.js'
import { FILES } from './table/files.js'

runAttacks('files', FILES)
