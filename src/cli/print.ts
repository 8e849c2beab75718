// Where the command line writes. The streams are opened when there is something to say and not before: run.ts says why.

/** To stdout. `cofferdam doctor | head`: who reads has had enough, and that is no error. */
export function print(text: string): void {
  if (process.stdout.listenerCount('error') === 0) {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit()
    })
  }
  process.stdout.write(text)
}

/** To stderr. Nobody is left to be told that it could not be written. */
export function complain(text: string): void {
  if (process.stderr.listenerCount('error') === 0) process.stderr.on('error', () => {})
  process.stderr.write(text)
}
