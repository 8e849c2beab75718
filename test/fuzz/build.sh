#!/bin/sh
# Builds the fuzz targets: build.sh DIRECTORY [TARGET...]. Needs clang with libFuzzer (Debian: clang, libclang-rt-14-dev or
# the number of its clang).
set -eu
directory=$1
shift
[ $# -gt 0 ] || set -- request command init
cd "$(dirname "$0")/../.."
mkdir -p "$directory"
warnings='-Wall -Wextra -Werror'
common="-g -O2 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined -D_GNU_SOURCE"
for target; do
  case $target in
    request)
      # shellcheck disable=SC2086 # several words each
      clang++ -std=c++17 $warnings $common -o "$directory/request" test/fuzz/request.cc binding/request.cc
      ;;
    command | init)
      objects=
      for source in binding/init/*.c; do
        object=$directory/$(basename "$source" .c).o
        # Records are aligned to four bytes; both processors that init runs on read their u64 from there.
        # shellcheck disable=SC2086
        clang -std=gnu11 -g -O2 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
          -fno-sanitize=alignment -fno-sanitize-recover=undefined -ffreestanding -fno-builtin $warnings -Wno-unused-function \
          -include test/fuzz/calls.h -c -o "$object" "$source"
        objects="$objects $object"
      done
      # shellcheck disable=SC2086
      clang -std=gnu11 $warnings $common -fno-sanitize=alignment -o "$directory/$target" \
        "test/fuzz/$target.c" test/fuzz/kernel.c $objects
      ;;
    *)
      echo "there is no fuzz target $target: request, command, init" >&2
      exit 2
      ;;
  esac
done
