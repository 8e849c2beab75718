/* The exec section as plain data: what command.c reads and exec.c carries out. */
#ifndef COFFERDAM_COMMAND_H
#define COFFERDAM_COMMAND_H

#include <linux/filter.h>

#include "init.h"

#define RLIMITS_MAX 16

struct rlimit_record {
  uint32_t index, resource, clamp;
  uint64_t soft, hard;
};

/* One command. Strings point into the section; what ends in `_index` says which record of it asked for a step. */
struct command {
  const char *file, *search_path, *cwd;
  const char **argv, **envp;
  uint32_t command_index, cwd_index, user_index, nice_index, capabilities_index, filter_index, cgroup_index,
      landlock_index, terminal_index;
  uint32_t uid, gid, rlimit_count;
  unsigned short columns, rows; /* of its terminal; 0: it has none */
  const char *terminal_variable;
  int terminal; /* the master; written by the child, owned by init, or -1 */
  int has_user, has_nice, nice, cgroup_namespace, landlock, join_leaf;
  int ruleset; /* written by the child, owned by it: for its fresh places, or -1 */
  uint64_t capabilities;
  uint64_t fresh; /* CLONE_NEW* of its own, or 0: then it shares all of the box */
  const void *records;
  uint32_t records_size;
  struct sock_fprog filter;
  struct rlimit_record rlimits[RLIMITS_MAX];
  int prepared;           /* command_prepare has been called in its process */
  int shares_descriptors; /* with init: its process works on the same table until execve */
  int listener;           /* written by the child: its number in the descriptors that are shared */
  uint64_t started_ns;    /* written by the child: what it did before is not the command's time */
  struct failure *failure;
};

/* exec.c: a kernel before 5.7 has no CLONE_INTO_CGROUP; the process goes into the leaf itself. */
long join_leaf(int leaf);

/* exec.c: out of init's shield, to the id as which it opens files. */
long become_caller(void);

/* terminal.c: a terminal as 0, 1 and 2, whose master is then command->terminal. */
long terminal_put(struct command *command);

/* parked.c: has the process that waits go on with main(command). Its pid; *sharing is 1 until it has left our memory.
 */
long unpark(int (*main)(void *command), struct command *command, const uint32_t **sharing);

/* Reads a section into *command, and into *job what is supervision's. False, with the reason in *failure, when it is
 * malformed or more than can be executed. The lists of strings are valid until the next call. */
int command_read(struct command *command, const void *records, uint32_t size, struct job *job, struct failure *failure);

/* The same of what a section begins with, as it is for every command of a box. */
int command_read_shared(struct command *command, const void *records, uint32_t size, struct failure *failure);

/* exec.c: what needs no command yet, done in the process that is parked for one, and in its own time. A failure is in
 * *command->failure. */
void command_prepare(struct command *command);

#endif
