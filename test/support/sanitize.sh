#!/bin/sh
# Runs tests against an addon and an init that are built with sanitizers: sanitize.sh [test files or options of test/run.ts]
# The addon has AddressSanitizer and UndefinedBehaviorSanitizer; init, which has no C library, traps on undefined
# behaviour (SIGILL, which its sandbox reports as lost). Leak detection is off: Node itself does not free at exit.
set -eu
cd "$(dirname "$0")/../.."
build=build/asan
mkdir -p "$build"
# A copy beside the sources, so that node-gyp's build directory is not the ordinary one.
(cd binding && tar --exclude=./build -cf - .) | tar -xf - -C "$build"
INIT_CFLAGS='-fsanitize=undefined -fsanitize-undefined-trap-on-error -fno-sanitize=alignment' \
  npx --no-install node-gyp rebuild --silent --directory="$build" -- -Dsanitize=1

export COFFERDAM_PREBUILD="$PWD/$build"
export LD_PRELOAD="$(${CXX:-c++} -print-file-name=libasan.so) $(${CXX:-c++} -print-file-name=libubsan.so)"
# A small quarantine, because the tests look at how much memory Node keeps.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1:disable_coredump=1:quarantine_size_mb=8 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
exec node --import tsx test/run.ts "$@"
