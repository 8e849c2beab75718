/* Included before each source of init: its system calls become those of kernel.c, so that init runs as a library, and
 * what it keeps between calls lies together, so that each input can begin with a fresh init. */
#ifndef COFFERDAM_FUZZ_CALLS_H
#define COFFERDAM_FUZZ_CALLS_H

#include <linux/swab.h> /* has assembly of its own */

#include "../../binding/init/sys.h"

long fuzz_call(long number, long a, long b, long c, long d, long e, long f);
long fuzz_clone3(struct sys_clone_args *args, int (*function)(void *), void *argument);

#undef sys_call6
#define sys_call6 fuzz_call
#define sys_clone3_call fuzz_clone3

/* The program has a C library. And init's entry, written in assembly, is not where it begins. */
#define memcpy init_memcpy
#define memset init_memset
#define __asm__(code) _Static_assert(1, code)

#pragma clang section bss = "init_bss" data = "init_data"

#endif
