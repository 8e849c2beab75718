#!/bin/sh
# clang-tidy over every C and C++ source, with .clang-tidy's checks, and gcc's analyzer over those in C. Needs node_modules
# and Node's own headers, which Node's packages and tarballs have beside the program.
set -eu
cd "$(dirname "$0")/../.."
node_headers=$(node -p 'require("path").resolve(process.execPath, "../../include/node")')
addon_headers=$(node -p 'require("node-addon-api").include_dir')

# for_each COMMAND FILE...: the shell text with each file as $1, as many at a time as there are processors.
for_each() {
  command=$1
  shift
  printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh -c "$command" sh || failed=1
}

failed=0
export node_headers addon_headers
for_each 'clang-tidy --quiet "$1" -- -std=gnu11 -D_GNU_SOURCE -ffreestanding' \
  binding/init/*.c test/fixtures/*.c test/fixtures/probe/*.c test/fixtures/seccomp/*.c test/escape/attacks/*.c
for_each 'clang-tidy --quiet "$1" -- -std=c++17 -D_GNU_SOURCE -DNAPI_VERSION=8 -DNODE_ADDON_API_CPP_EXCEPTIONS \
  -isystem "$node_headers" -isystem "$addon_headers"' binding/*.cc
# -fanalyzer knows C only (gcc's manual). It follows values through inlined functions, so it is given what is built.
for_each 'gcc -std=gnu11 -O2 -ffreestanding -fno-builtin -Wall -Wextra -Werror -fanalyzer -c -o /dev/null "$1"' binding/init/*.c
for_each 'gcc -std=gnu11 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -fanalyzer -c -o /dev/null "$1"' \
  test/fixtures/*.c test/fixtures/probe/*.c test/fixtures/seccomp/*.c
exit $failed
