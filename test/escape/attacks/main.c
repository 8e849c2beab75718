/* Finds and runs the attack; what all of them share. */
#include "attack.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *errno_name(void) {
  const char *name = strerrorname_np(errno);
  return name ? name : "unknown errno";
}

void won(const char *how) {
  printf("WON %s\n", how);
  fflush(stdout);
  _Exit(0);
}

void lost(const char *call) {
  lost_with(call, errno_name());
}

void lost_with(const char *call, const char *what) {
  printf("LOST %s: %s\n", call, what);
  fflush(stdout);
}

void tried(const char *call, long result) {
  if (result != -1) won(call);
  lost(call);
}

void broken(const char *call) {
  fprintf(stderr, "attack: %s: %s\n", call, errno_name());
  _Exit(2);
}

uint64_t number(const char *text) {
  char *end;
  uint64_t value = strtoull(text, &end, 0);
  if (*text && !*end) return value;
  errno = EINVAL;
  broken(text);
}

double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void sleep_seconds(double seconds) {
  struct timespec left = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
  while (nanosleep(&left, &left) == -1 && errno == EINTR) continue;
}

int main(int argc, char **argv) {
  static const struct attack *const tables[] = {
      file_attacks, mount_attacks, process_attacks, kernel_attacks, usage_attacks, ipc_attacks, NULL};
  for (const struct attack *const *table = tables; argc > 1 && *table; table++) {
    for (const struct attack *attack = *table; attack->name; attack++) {
      if (strcmp(attack->name, argv[1]) != 0 || argc - 2 < attack->arguments) continue;
      attack->run(argc - 1, argv + 1);
      return 1;
    }
  }
  fprintf(stderr, "attack: no such attack, or too few arguments\n");
  return 2;
}
