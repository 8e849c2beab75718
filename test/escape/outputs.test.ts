// What is left where outputs are collected.
import { runAttacks } from './runner.js'
import { OUTPUTS } from './table/outputs.js'

runAttacks('outputs', OUTPUTS)
