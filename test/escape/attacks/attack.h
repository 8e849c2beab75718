/* One static program with an attack per name, run inside sandboxes by the escape suite and, as a control, where the
 * wall in question is missing.
 *
 *   attack <name> [argument...]
 *
 * It prints `WON <how>` and exits with 0 if it wins, and `LOST <call>: <ERRNO NAME>` for each way that was closed, with
 * 1 in the end. 2 means that the attack itself does not work, which proves nothing. What ends it from outside (a limit,
 * a filter) is for the host to see.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>

struct attack {
  const char *name;
  int arguments; /* how many it needs at least */
  void (*run)(int argc, char **argv);
};

extern const struct attack file_attacks[];
extern const struct attack mount_attacks[];
extern const struct attack process_attacks[];
extern const struct attack kernel_attacks[];
extern const struct attack usage_attacks[];
extern const struct attack ipc_attacks[];

void won(const char *how) __attribute__((noreturn));

/* This way was closed, for the reason that errno has. */
void lost(const char *call);

/* This way was closed, since the call did only that. */
void lost_with(const char *call, const char *what);

/* Won unless the result is -1. */
void tried(const char *call, long result);

/* The attack cannot be tried as it is meant: errno says why. */
void broken(const char *call) __attribute__((noreturn));

uint64_t number(const char *text);

double now_seconds(void);

void sleep_seconds(double seconds);

#endif
