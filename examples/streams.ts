// Streams: a sandboxed program as a filter between two Node streams.
//
// `stdin` and `stdout` of the process are ordinary streams, with back-pressure from end to end: the reader below is slow,
// and so the source is asked for no more than what fits into the pipes and buffers in between.
//
// Prints:
//   first line: LINE 1 OF 200000
//   when it was read, the source had been asked for less than half: true
//   last line: LINE 200000 OF 200000
//   lines: 200000
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { sandbox } from 'cofferdam'

const total = 200_000
let asked = 0

function* source() {
  while (asked < total) yield `line ${++asked} of ${total}\n`
}

const filter = await sandbox().spawn('/usr/bin/tr', ['a-z', 'A-Z'])
const { stdin, stdout } = filter
if (!stdin || !stdout) throw new Error('Streams are pipes unless spawn() is told otherwise.')

await Promise.all([pipeline(Readable.from(source()), stdin), read(stdout)])
const result = await filter.wait()
process.exitCode = result.ok ? 0 : 1

async function read(input: Readable): Promise<void> {
  let count = 0
  let last = ''
  for await (const line of createInterface({ input })) {
    if (count === 0) {
      // Nobody reads for a while: the source must come to a halt.
      await new Promise((resolve) => setTimeout(resolve, 200))
      console.log(`first line: ${line}`)
      console.log(`when it was read, the source had been asked for less than half: ${asked < total / 2}`)
    }
    count += 1
    last = line
  }
  console.log(`last line: ${last}`)
  console.log(`lines: ${count}`)
}
