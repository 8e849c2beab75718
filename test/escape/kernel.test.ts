// Interfaces of the kernel, and terminals.
import { runAttacks } from './runner.js'
import { KERNEL } from './table/kernel.js'

runAttacks('kernel', KERNEL)
