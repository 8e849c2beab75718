/* init as a whole: packets are received, a request is read, booted and executed, its end is reported, and so on. The
 * input is a byte that says how often calls fail, a seed, and the packets (kernel.h). */
#include "kernel.h"

void supervise(long prepared) __attribute__((noreturn));
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(void) {
  supervise(0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  kernel_start(data[0], data[1]);
  kernel_run(run, data + 2, size - 2);
  kernel_end();
  return 0;
}
