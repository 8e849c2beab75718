/* A kernel for init under the fuzzer: see kernel.c. */
#ifndef COFFERDAM_FUZZ_KERNEL_H
#define COFFERDAM_FUZZ_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* What has been read is added here, so that it is read. */
extern volatile size_t kernel_sink;

/* Begins with an init as it is after execve. Each call may then fail, as `chance` of 256 and the seed have it. */
void kernel_start(uint8_t chance, uint8_t seed);

/* Runs what never returns until it exits. `packets` are what it receives: u32 size, that many bytes, and so on. */
void kernel_run(void (*program)(void), const uint8_t *packets, size_t size);

/* Frees what init had mapped, and has not unmapped. */
void kernel_end(void);

#endif
