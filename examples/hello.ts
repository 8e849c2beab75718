// Hello: a shell in a sandbox with every default.
//
// Nothing has to be downloaded: without `rootfs()` the program sees the host's own system directories, read-only. It is
// alone with its init among the processes, has its own host name, no network, and may write to /tmp only.
//
// Prints:
//   Hello from inside.
//   processes: 2
//   network interfaces: lo
//   /usr is read-only
//   outcome: exited, code 0
import { sandbox } from 'cofferdam'

const script = `
  echo "Hello from $(uname -n)."
  set -- /proc/[0-9]*
  echo "processes: $#"
  echo "network interfaces: $(sed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev)"
  echo ours > /tmp/note && (touch /usr/note 2> /dev/null || echo "/usr is read-only")
`

const result = await sandbox().hostname('inside').run('/bin/sh', ['-c', script])

process.stdout.write(result.stdout)
console.log(`outcome: ${result.outcome}, code ${result.exitCode}`)
