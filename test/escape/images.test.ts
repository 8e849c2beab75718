// Images of an attacker.
import { runAttacks } from './runner.js'
import { IMAGES } from './table/images.js'

runAttacks('images', IMAGES)
