// delegateCgroup() asks for consent in so many words, and tells what it found in data that cannot be changed.
import { type CgroupDelegation, delegateCgroup } from 'cofferdam'
import { expectType } from './expect.js'

const told: CgroupDelegation = await delegateCgroup({ moveSelf: true, leaf: 'main' })
expectType<boolean>(told.moved)
expectType<readonly string[]>(told.controllers)
// @ts-expect-error what was found does not change
told.base = '/'
// @ts-expect-error nobody is moved without having said so
await delegateCgroup()
// @ts-expect-error nor by chance
await delegateCgroup({ moveSelf: process.argv.length > 2 })
// @ts-expect-error a misspelt option
await delegateCgroup({ moveSelf: true, leave: 'main' })
