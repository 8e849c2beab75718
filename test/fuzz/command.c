/* The reading of an exec section, which lies at the very end of its memory: what has been read must be whole. */
#include <stdlib.h>
#include <string.h>

#include "../../binding/init/command.h"
#include "kernel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const char **list) {
  for (; *list; list++) kernel_sink += strlen(*list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct command command;
  struct job job = {0};
  struct failure failure;
  size &= ~(size_t)3; /* as the addon has checked */
  uint8_t *section = malloc(size ? size : 1);
  if (!section) return 0;
  for (size_t i = 0; i < size; i++) section[i] = data[i];
  if (command_read(&command, section, (uint32_t)size, &job, &failure)) {
    const char *texts[] = {command.file, command.search_path, command.cwd, 0};
    read_all(texts);
    read_all(command.argv);
    read_all(command.envp);
    for (unsigned i = 0; i < command.filter.len; i++) kernel_sink += command.filter.filter[i].k;
    if (command.rlimit_count > RLIMITS_MAX) abort();
  } else if (failure.error <= 0) {
    abort();
  }
  free(section);
  return 0;
}
