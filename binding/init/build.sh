#!/bin/sh
# Builds init: build.sh OUTPUT [ASSEMBLY]. CC chooses the compiler, also a cross compiler; INIT_CFLAGS adds flags.
# ASSEMBLY is written as a source that embeds OUTPUT as cofferdam_init_start..cofferdam_init_end, in INIT_SECTION.
# No C library and no start files: the result is a few kilobytes that run anywhere the kernel does.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
${CC:-cc} -std=gnu11 -Os -g0 -Wall -Wextra -Werror -Wshadow \
  -ffreestanding -fno-builtin -fno-pie -fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables \
  -fno-ident -fno-tree-loop-distribute-patterns -fvisibility=hidden -fomit-frame-pointer ${INIT_CFLAGS:-} \
  -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,noseparate-code -Wl,-s \
  -o "$1" "$here/init.c" "$here/boot.c" "$here/channel.c" "$here/masks.c" "$here/mounts.c" "$here/paths.c" "$here/command.c" "$here/exec.c" \
  "$here/fresh.c" "$here/landlock.c" "$here/parked.c" "$here/supervise.c" "$here/terminal.c" "$here/violation.c" "$here/janitor.c"

[ $# -lt 2 ] || cat > "$2" <<EOF
	.section ${INIT_SECTION:-.rodata}
	.balign 16
	.globl cofferdam_init_start
	.hidden cofferdam_init_start
cofferdam_init_start:
	.incbin "$(realpath "$1")"
	.globl cofferdam_init_end
	.hidden cofferdam_init_end
cofferdam_init_end:
	.byte 0
	.section .note.GNU-stack, "", %progbits
EOF
