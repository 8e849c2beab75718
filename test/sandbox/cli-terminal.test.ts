// connectTerminal(): a program's terminal joined with the caller's. The caller is a Node process on a terminal that the test
// has made, without the library in between: by script(1).
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as assert from 'uvu/assert'
import { CLI } from '../support/cli.js'
import { command } from '../support/host.js'
import { atMost } from '../support/slow.js'
import { suite, type TestContext } from '../support/suite.js'

const test = suite('cli terminal')
const DIST = fileURLToPath(new URL('../../dist/', import.meta.url))

/** What the caller does; then it tells how its terminal is, and reads a line itself. */
const CALLER = `
  import { sandbox } from '${DIST}index.js'
  import { connectTerminal, hasTerminal, sizeOf } from '${DIST}cli/terminal.js'
  process.stdout.write('terminal:' + hasTerminal() + '\\n')
  const child = await sandbox().env({ PS1: '% ' }).spawn('sh', ['-i'], { pty: sizeOf() })
  await connectTerminal(child)
  const result = await child.wait()
  await child.closed
  process.stdout.write('over:' + result.exitCode + ' raw:' + process.stdin.isRaw + '\\n')`

class Session {
  text = ''
  #look: (() => void) | undefined
  readonly #child

  constructor(t: TestContext, commands: string) {
    // script(1) gives what it runs a terminal, and types there what it reads.
    this.#child = spawn('script', ['-qfec', commands, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, CALLER },
    })
    t.cleanUp(() => this.#child.kill('SIGKILL'))
    this.#child.stdout.on('data', (chunk) => {
      this.text += chunk
      this.#look?.()
    })
  }

  type(text: string): void {
    this.#child.stdin.write(text)
  }

  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.text)
      if (found) {
        this.text = this.text.slice(found.index + found[0].length)
        return found
      }
      await new Promise<void>((done) => {
        this.#look = done
      })
    }
  }
}

const needs = command('script')
const timeoutMs = atMost(20_000)

test(
  'what is typed here is typed there, the size follows, and the terminal is given back',
  async (t) => {
    const session = new Session(
      t,
      `stty cols 91 rows 31; node --input-type=module -e "$CALLER"; stty -a | grep -o ' -*icanon'; echo "after:$?"`,
    )
    await session.until(/terminal:true/)
    await session.until(/% /)
    session.type('stty size; tty\r')
    await session.until(/31 91\r\n\/dev\/pts\/0\r\n% /)
    session.type('cat\r')
    session.type('ping\r')
    await session.until(/ping\r\nping\r\n/)
    session.type('\x03')
    await session.until(/\^C/)
    await session.until(/% /)
    session.type('echo "it was $?"\r')
    await session.until(/it was 130\r\n/)
    await session.until(/% /)
    // What a program shows in raw mode comes as it is: a line feed alone.
    session.type('stty raw; printf "x%s\\nx%s" a b; stty sane\r')
    await session.until(/xa\nxb/)
    await session.until(/% /)
    session.type('exit 5\r')
    await session.until(/over:5 raw:false/)
    await session.until(/ icanon\r\nafter:0/)
  },
  { needs, timeoutMs },
)

test(
  'a terminal that changes its size tells the program',
  async (t) => {
    const session = new Session(
      t,
      `here=$(tty); (sleep 1; exec stty cols 77 rows 22 <"$here") & node --input-type=module -e "$CALLER"`,
    )
    await session.until(/% /)
    session.type('trap "" INT; while test "$(stty size)" != "22 77"; do sleep 0.05; done; echo ch""anged\r')
    await session.until(/changed\r\n/)
    session.type('exit\r')
    await session.until(/over:0/)
  },
  { needs, timeoutMs },
)

test(
  'cofferdam run gives a program a terminal where it has one itself, and not where a stream leads elsewhere',
  async (t) => {
    const session = new Session(
      t,
      `stty cols 90 rows 30; node ${CLI} run --env 'PS1=% ' -- sh -i; echo "ended with $?"; ` +
        `node ${CLI} run -- tty 2>/dev/null; node ${CLI} run --no-pty -- sh -c 'tty; test -t 0 && echo "still one"'; echo "all done"`,
    )
    await session.until(/% /)
    session.type('stty size; tty\r')
    await session.until(/30 90\r\n\/dev\/pts\/0\r\n% /)
    session.type('cat\r')
    session.type('ping\r')
    await session.until(/ping\r\nping\r\n/) // cat reads, so that Ctrl-C is for it and not for the shell
    session.type('\x03')
    await session.until(/\^C[\s\S]*% /)
    session.type('exit 5\r')
    await session.until(/ended with 5\r\n/)
    // A terminal of the host's, which has no name inside.
    const [rest] = await session.until(/[\s\S]*all done/)
    assert.not.match(rest, '/dev/pts')
    assert.match(rest, 'still one')
  },
  { needs, timeoutMs },
)

test.run()
