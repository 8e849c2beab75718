/* Reads the exec section (wire.h): each record into its fields of `struct command`, nothing is done here. */
#include "command.h"

#include <linux/errno.h>

#define POINTERS_MAX 262144 /* arguments and environment together: more than execve(2) takes */

static const char *pointers[POINTERS_MAX];

/* With room for one more. */
static const char **read_strings(struct wire_reader *p, uint32_t *used) {
  uint32_t count = wire_u32(p);
  if (POINTERS_MAX - *used < 2 || count > POINTERS_MAX - *used - 2) return 0;
  const char **list = pointers + *used;
  for (uint32_t i = 0; i < count; i++) list[i] = wire_string(p);
  list[count] = 0;
  *used += count + 2;
  return list;
}

static void read_limits(uint16_t op, struct wire_reader *p, struct command *command, struct job *job, uint32_t index,
                        uint16_t flags) {
  struct rlimit_record *record = &command->rlimits[command->rlimit_count];
  switch (op) {
  case EXEC_RLIMIT:
    if (++command->rlimit_count > RLIMITS_MAX) {
      p->bad = 1;
      command->rlimit_count = 0;
      return;
    }
    record->index = index;
    record->clamp = flags & WIRE_OPTIONAL;
    record->resource = wire_u32(p);
    record->soft = wire_u64(p);
    record->hard = wire_u64(p);
    return;
  case EXEC_NICE:
    command->has_nice = 1;
    command->nice_index = index;
    command->nice = (int)wire_u32(p);
    return;
  case EXEC_WALL_LIMIT: job->wall_deadline_ns = wire_u64(p); return;
  case EXEC_CPU_LIMIT: job->cpu_limit_ns = wire_u64(p); return;
  case EXEC_PARALLELISM: job->parallelism = wire_u32(p); return;
  case EXEC_LAST: job->last = 1; return;
  case EXEC_LANDLOCK:
    command->landlock = 1;
    command->landlock_index = index;
    return;
  case EXEC_TERMINAL:
    command->terminal_index = index;
    command->columns = (unsigned short)wire_u32(p);
    command->rows = (unsigned short)wire_u32(p);
    command->terminal_variable = wire_string(p);
    return;
  case EXEC_FRESH_NAMESPACES: command->fresh = wire_u64(p); return;
  case EXEC_FRESH_STAGE:
  case EXEC_FRESH_SCRATCH:
  case EXEC_FRESH_TMPFS:
  case EXEC_FRESH_MQUEUE:
  case EXEC_FRESH_LANDLOCK:
  case EXEC_FRESH_LANDLOCK_PATH:
  case EXEC_FRESH_LANDLOCK_PORT: return; /* fresh.c */
  default: p->bad = 1;
  }
}

static void read_command(uint16_t op, struct wire_reader *p, struct command *command, struct job *job, uint32_t index,
                         uint16_t flags, uint32_t *used) {
  uint32_t size;
  switch (op) {
  case EXEC_COMMAND:
    command->command_index = index;
    command->file = wire_string(p);
    command->argv = read_strings(p, used);
    return;
  case EXEC_ENVIRONMENT: command->envp = read_strings(p, used); return;
  case EXEC_SEARCH_PATH: command->search_path = wire_string(p); return;
  case EXEC_CWD:
    command->cwd_index = index;
    command->cwd = wire_string(p);
    return;
  case EXEC_USER:
    command->has_user = 1;
    command->user_index = index;
    command->uid = wire_u32(p);
    command->gid = wire_u32(p);
    return;
  case EXEC_CAPABILITIES:
    command->capabilities_index = index;
    command->capabilities = wire_u64(p);
    return;
  case EXEC_FILTER:
    command->filter_index = index;
    command->filter.filter = (struct sock_filter *)wire_bytes(p, &size);
    command->filter.len = (unsigned short)(size / sizeof(struct sock_filter));
    return;
  case EXEC_CGROUP_NAMESPACE:
    command->cgroup_index = index;
    command->cgroup_namespace = 1;
    return;
  default: read_limits(op, p, command, job, index, flags);
  }
}

static int refuse(struct failure *failure, uint32_t step, uint32_t index, int error) {
  failure->step = step;
  failure->index = index;
  failure->error = error;
  return 0;
}

static void add_variable(struct command *command) {
  const char **at = command->envp;
  if (!command->terminal_variable[0]) return;
  while (*at) at++;
  at[0] = command->terminal_variable;
  at[1] = 0;
}

static int read_section(struct command *command, const void *records, uint32_t size, struct job *job,
                        struct failure *failure) {
  static const char *no_environment[2];
  struct wire_reader section = wire_read(records, size), payload;
  struct wire_record record;
  uint32_t used = 0, index = 0;
  *command = (struct command){.search_path = "",
                              .cwd = "/",
                              .envp = no_environment,
                              .listener = -1,
                              .ruleset = -1,
                              .terminal_variable = "",
                              .terminal = -1,
                              .failure = failure,
                              .records = records,
                              .records_size = size};
  *failure = (struct failure){.phase = PHASE_EXEC, .step = STEP_PLAN};
  for (; wire_next(&section, &record, &payload); index++) {
    read_command(record.op, &payload, command, job, index, record.flags, &used);
    if (payload.bad) return refuse(failure, STEP_PLAN, index, EBADMSG);
  }
  return section.bad ? refuse(failure, STEP_PLAN, index, EBADMSG) : 1;
}

int command_read_shared(struct command *command, const void *records, uint32_t size, struct failure *failure) {
  struct job job = {0};
  return read_section(command, records, size, &job, failure);
}

int command_read(struct command *command, const void *records, uint32_t size, struct job *job,
                 struct failure *failure) {
  if (!read_section(command, records, size, job, failure)) return 0;
  if (!command->file) return refuse(failure, STEP_PLAN, 0, EBADMSG);
  if (!command->argv || !command->envp) return refuse(failure, STEP_EXEC, command->command_index, E2BIG);
  add_variable(command);
  return 1;
}
