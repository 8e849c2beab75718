#!/bin/sh
# Runs tests against an addon and an init that are built with sanitizers:
#   sanitize.sh [test files or options of test/run.ts]            AddressSanitizer and UndefinedBehaviorSanitizer
#   sanitize.sh --thread [test files or options of test/run.ts]   ThreadSanitizer
# init, which has no C library and no threads, traps on undefined behaviour in both (SIGILL, which its sandbox reports as
# lost). Leak detection is off: Node itself does not free at exit. Node is not built with ThreadSanitizer, which therefore
# looks only at what the addon does: its own threads, and the functions of it that run on Node's.
set -eu
cd "$(dirname "$0")/../.."
if [ "${1:-}" = --thread ]; then
  shift
  kind=thread build=build/tsan runtimes=libtsan.so
else
  kind=address,undefined build=build/asan runtimes='libasan.so libubsan.so'
fi
mkdir -p "$build"
# A copy beside the sources, so that node-gyp's build directory is not the ordinary one.
(cd binding && tar --exclude=./build -cf - .) | tar -xf - -C "$build"
INIT_CFLAGS='-fsanitize=undefined -fsanitize-undefined-trap-on-error -fno-sanitize=alignment' \
  npx --no-install node-gyp rebuild --silent --jobs=max --directory="$build" -- -Dsanitize="$kind"

export COFFERDAM_PREBUILD="$PWD/$build"
LD_PRELOAD=
for runtime in $runtimes; do LD_PRELOAD="$LD_PRELOAD $(${CXX:-c++} -print-file-name=$runtime)"; done
export LD_PRELOAD
# A small quarantine, because the tests look at how much memory Node keeps.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:disable_coredump=1:quarantine_size_mb=8 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# A race ends the process: a test file that ended so has failed, whatever its tests say.
export TSAN_OPTIONS=halt_on_error=1:exitcode=66:report_signal_unsafe=0:ignore_noninstrumented_modules=1
exec node --import tsx test/run.ts "$@"
