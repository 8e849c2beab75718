#!/bin/sh
# clang-tidy over every C and C++ source, with .clang-tidy's checks, and gcc's analyzer over those in C. Needs node_modules and Node's own headers, which
# Node's packages and tarballs have beside the program.
set -eu
cd "$(dirname "$0")/../.."
node_headers=$(node -p 'require("path").resolve(process.execPath, "../../include/node")')
addon_headers=$(node -p 'require("node-addon-api").include_dir')

failed=0
clang-tidy --quiet binding/init/*.c test/fixtures/*.c test/fixtures/probe/*.c test/fixtures/seccomp/*.c \
  test/escape/attacks/*.c -- \
  -std=gnu11 -D_GNU_SOURCE -ffreestanding || failed=1
clang-tidy --quiet binding/*.cc -- \
  -std=c++17 -D_GNU_SOURCE -DNAPI_VERSION=8 -DNODE_ADDON_API_CPP_EXCEPTIONS \
  -isystem "$node_headers" -isystem "$addon_headers" || failed=1
# -fanalyzer knows C only (gcc's manual). It follows values through inlined functions, so it is given what is built.
for source in binding/init/*.c; do
  gcc -std=gnu11 -O2 -ffreestanding -fno-builtin -Wall -Wextra -Werror -fanalyzer -c -o /dev/null "$source" || failed=1
done
for source in test/fixtures/*.c test/fixtures/probe/*.c test/fixtures/seccomp/*.c; do
  gcc -std=gnu11 -O2 -D_GNU_SOURCE -Wall -Wextra -Werror -fanalyzer -c -o /dev/null "$source" || failed=1
done
exit $failed
