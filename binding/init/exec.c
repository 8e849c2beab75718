/* Exec: one command, from its records to execve.
 *
 * The command's process is made by clone3(CLONE_VM): it borrows init's memory, init sleeps until it has executed or
 * exited, and what failed is simply written to the shared `failure`. CLONE_VFORK would do the same, but init could not
 * wake from it: another command of the box with the same id can stop the process in the moment between its change of
 * id and its execve, and nobody's limits would be kept. With a cgroup v2 leaf the process is
 * born in it (CLONE_INTO_CGROUP, 5.7); v1 leaves are joined by writing "0" to their cgroup.procs before anything else.
 * With a filter it borrows init's descriptors as well, see violation.c.
 * The order of the steps matters: the cgroup namespace after the leaf has been entered, so that its root is the leaf;
 * the bounding set and groups while capabilities last; the working directory and the file as the command's own user;
 * Landlock after no_new_privs, which it needs, and after all that opens files, but for execve; the filter last.
 */
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/signal.h>
#include <linux/time.h>
#include <linux/wait.h>

#include "init.h"

#define RLIMITS_MAX 16
#define POINTERS_MAX 262144 /* arguments and environment together: more than execve(2) takes */
#define PATH_SIZE 4096
#define START_TICK_NS 10000000
#define START_STOPS_MAX 50 /* ticks at which the process was found stopped */

struct rlimit_record {
  uint32_t index, resource, clamp;
  uint64_t soft, hard;
};

/* The exec section, read. Strings point into the packet. */
struct command {
  const char *file, *search_path, *cwd;
  const char **argv, **envp;
  uint32_t command_index, cwd_index, user_index, nice_index, capabilities_index, filter_index, cgroup_index,
      landlock_index;
  uint32_t uid, gid, rlimit_count;
  int has_user, has_nice, nice, cgroup_namespace, landlock;
  int ruleset; /* written by the child, owned by it: for its fresh places, or -1 */
  uint64_t capabilities;
  uint64_t fresh; /* CLONE_NEW* of its own, or 0: then it shares all of the box */
  const void *records;
  uint32_t records_size;
  struct sock_fprog filter;
  struct rlimit_record rlimits[RLIMITS_MAX];
  int listener;        /* written by the child: its number in the descriptors that are shared */
  uint64_t started_ns; /* written by the child: what it did before is not the command's time */
  struct failure *failure;
};

static const char *pointers[POINTERS_MAX];
static char stack[32768] __attribute__((aligned(16)));
static char path[PATH_SIZE];
static int sharing; /* whether the command's process still uses our memory */

static long fail(struct command *command, uint32_t step, uint32_t index, long error) {
  command->failure->step = step;
  command->failure->index = index;
  command->failure->error = (int32_t)-error;
  return error;
}

/* Out of init's shield: the id as which it opens files. */
static long become_caller(void) {
  long uid = sys_call1(__NR_setfsuid, -1);
  return sys_call3(__NR_setresuid, uid, uid, uid);
}

/* In v1 who has opened cgroup.procs must have an id of whoever is moved: the caller (kernel/cgroup/cgroup-v1.c). */
static long join_groups(struct command *command) {
  for (int i = 0; i < lent.count; i++) {
    if (lent.roles[i] >> 16 != ROLE_PROCS) continue;
    long result = become_caller();
    if (result >= 0) result = sys_call3(__NR_write, lent.fds[i], "0", 1);
    if (result < 0) return fail(command, STEP_CGROUP_JOIN, lent.roles[i] & 0xffff, result);
  }
  if (!command->cgroup_namespace) return 0;
  long result = sys_call1(__NR_unshare, CLONE_NEWCGROUP);
  return result < 0 ? fail(command, STEP_CGROUP_NAMESPACE, command->cgroup_index, result) : 0;
}

static long become_fresh(struct command *command) {
  if (!command->fresh) return 0;
  if (fresh_places(command->records, command->records_size, command->failure, &command->ruleset) < 0) return -1;
  long result = fresh_session_keyring();
  return result < 0 ? fail(command, STEP_SESSION, 0, result) : 0;
}

static long put_stdio(struct command *command) {
  for (uint32_t fd = 0; fd < 3; fd++) {
    long result = sys_call3(__NR_dup3, lent_find(ROLE_STDIO, fd), fd, 0);
    if (result < 0) return fail(command, STEP_STDIO, fd, result);
  }
  return 0;
}

static long set_rlimits(struct command *command) {
  if (command->has_nice) {
    long result = sys_call3(__NR_setpriority, 0 /* PRIO_PROCESS */, 0, command->nice);
    if (result < 0) return fail(command, STEP_NICE, command->nice_index, result);
  }
  for (uint32_t i = 0; i < command->rlimit_count; i++) {
    struct rlimit_record *record = &command->rlimits[i];
    struct rlimit64 limit = {record->soft, record->hard}, now = {0};
    if (record->clamp && sys_call4(__NR_prlimit64, 0, record->resource, 0, &now) >= 0) {
      if (limit.rlim_max > now.rlim_max) limit.rlim_max = now.rlim_max;
      if (limit.rlim_cur > limit.rlim_max) limit.rlim_cur = limit.rlim_max;
    }
    long result = sys_call4(__NR_prlimit64, 0, record->resource, &limit, 0);
    if (result < 0) return fail(command, STEP_RLIMIT, record->index, result);
  }
  return 0;
}

/* Bounding set first, it needs CAP_SETPCAP. EINVAL ends it: the kernel knows no higher capability. Each call costs, and
 * most often all of it has been dropped before init was executed. */
static long drop_bounding_set(uint64_t kept) {
  for (int capability = 0; capability < 64 && !bounding_set_empty; capability++) {
    if (kept >> capability & 1) continue;
    long result = sys_call5(__NR_prctl, PR_CAPBSET_READ, capability, 0, 0, 0);
    if (result == -EINVAL) break;
    if (result == 1) result = sys_call5(__NR_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (result < 0) return result;
  }
  return 0;
}

static long set_user(struct command *command) {
  long result = sys_call2(__NR_setgroups, 0, 0);
  if (result == -EPERM) result = 0; /* denied in an unprivileged user namespace; the plan warns of it */
  if (result < 0) return result;
  if (!command->has_user) return become_caller();
  result = sys_call3(__NR_setresgid, command->gid, command->gid, command->gid);
  if (result >= 0) result = sys_call3(__NR_setresuid, command->uid, command->uid, command->uid);
  return result;
}

static long set_capabilities(uint64_t kept) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  for (int half = 0; half < 2; half++) {
    uint32_t bits = (uint32_t)(kept >> (32 * half));
    sets[half] = (struct __user_cap_data_struct){bits, bits, bits};
  }
  long result = sys_call5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (result >= 0) result = sys_call2(__NR_capset, &header, sets);
  for (int capability = 0; capability < 64 && result >= 0; capability++)
    if (kept >> capability & 1) result = sys_call5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
  return result;
}

static long set_credentials(struct command *command) {
  long result = drop_bounding_set(command->capabilities);
  if (result < 0) return fail(command, STEP_CAPABILITIES, command->capabilities_index, result);
  if (command->capabilities) sys_call5(__NR_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
  result = set_user(command);
  if (result < 0) return fail(command, STEP_CREDENTIALS, command->user_index, result);
  if (command->fresh) result = fresh_user_keyrings();
  if (result < 0) return fail(command, STEP_SESSION, 0, result);
  result = set_capabilities(command->capabilities);
  if (result < 0) return fail(command, STEP_CAPABILITIES, command->capabilities_index, result);
  result = sys_call5(__NR_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return result < 0 ? fail(command, STEP_NO_NEW_PRIVS, 0, result) : 0;
}

/* The box's ruleset stays init's; a fresh one must not stay in a table of descriptors that is shared. */
static long restrict_self(struct command *command) {
  if (!command->landlock) return 0;
  long result = landlock_restrict(command->ruleset >= 0 ? command->ruleset : box_ruleset);
  close_fd(command->ruleset);
  command->ruleset = -1;
  return result < 0 ? fail(command, STEP_LANDLOCK, command->landlock_index, result) : 0;
}

/* As execvp(3): a file with a slash is taken as it is; otherwise each directory of the search path is tried, and EACCES
 * is remembered over ENOENT. */
static long execute(struct command *command) {
  const char *file = command->file;
  for (const char *at = file; *at; at++)
    if (*at == '/') return sys_call3(__NR_execve, file, command->argv, command->envp);
  long error = -ENOENT;
  for (const char *at = command->search_path; *file; at++) {
    const char *from = at;
    while (*at && *at != ':') at++;
    char *end = path + sizeof path;
    char *to = path;
    if ((size_t)(at - from) + text_length(file) + 2 < sizeof path) {
      memcpy(to, from, (size_t)(at - from));
      to += at - from;
      *to = 0;
      if (at != from) to = text_append(to, end, "/");
      text_append(to, end, file);
      long result = sys_call3(__NR_execve, path, command->argv, command->envp);
      if (result == -EACCES)
        error = result;
      else if (result != -ENOENT && result != -ENOTDIR)
        return result;
    }
    if (!*at) break;
  }
  return error;
}

/* Runs in init's memory, on `stack`, while init sleeps. Returns only on failure. */
static int become_command(void *argument) {
  struct command *command = argument;
  uint64_t no_signals = 0;
  if (join_groups(command) < 0 || become_fresh(command) < 0) return 1;
  long result = sys_call0(__NR_setsid);
  if (result < 0) return (int)fail(command, STEP_SESSION, 0, result);
  if (put_stdio(command) < 0 || set_rlimits(command) < 0) return 1;
  sys_call1(__NR_umask, 022);
  if (set_credentials(command) < 0) return 1;
  result = sys_call1(__NR_chdir, command->cwd);
  if (result < 0) return (int)fail(command, STEP_EXEC, command->cwd_index, result);
  if (restrict_self(command) < 0) return 1;
  /* With a filter the descriptors are init's, too: execve closes them. */
  sys_call3(__NR_close_range, 3, ~0u, command->filter.len ? CLOSE_RANGE_CLOEXEC : 0);
  sys_call4(__NR_rt_sigprocmask, SIG_SETMASK, &no_signals, 0, sizeof no_signals);
  command->started_ns = now_ns();
  if (command->filter.len) {
    close_fd(FILTER_SLOT);
    result = filter_install(&command->filter, &command->listener);
    if (result < 0) return (int)fail(command, STEP_SECCOMP, command->filter_index, result);
  }
  /* From here on only execve and exit_group: a profile has to let both pass. */
  return (int)fail(command, STEP_EXEC, command->command_index, execute(command));
}

static const char **read_strings(struct wire_reader *p, uint32_t *used) {
  uint32_t count = wire_u32(p);
  if (count >= POINTERS_MAX - *used) return 0;
  const char **list = pointers + *used;
  for (uint32_t i = 0; i < count; i++) list[i] = wire_string(p);
  list[count] = 0;
  *used += count + 1;
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

/* CLONE_CHILD_CLEARTID: the kernel clears `sharing` and wakes its futex when the process has left our memory. One that
 * is stopped time and again is given up; how long a process that runs may take is nobody's business. */
static void wait_for_exec(struct command *command, long pid) {
  const struct __kernel_timespec tick = {0, START_TICK_NS};
  for (int stops = 0; *(volatile int *)&sharing;) {
    if (sys_call6(__NR_futex, SYS_ARG(&sharing), FUTEX_WAIT, 1, SYS_ARG(&tick), 0, 0) != -ETIMEDOUT) continue;
    siginfo_t info = {.si_signo = 0};
    watch_jobs();
    sys_call5(__NR_waitid, 1 /* P_PID */, pid, &info, WSTOPPED | WNOHANG | __WALL, 0);
    if (!info.si_signo) continue;
    sys_call2(__NR_kill, pid, ++stops < START_STOPS_MAX ? SIGCONT : SIGKILL);
    if (stops >= START_STOPS_MAX) fail(command, STEP_START, command->command_index, -EINTR);
  }
}

static long start(struct command *command) {
  int leaf = lent_find(ROLE_LEAF, 0);
  struct sys_clone_args args = {
      .flags = CLONE_VM | CLONE_CHILD_CLEARTID | command->fresh | (leaf >= 0 ? CLONE_INTO_CGROUP : 0) |
               (command->filter.len ? CLONE_FILES : 0),
      .child_tid = (uint64_t)(uintptr_t)&sharing,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = sizeof stack,
      .cgroup = leaf >= 0 ? (uint64_t)leaf : 0,
  };
  sharing = 1;
  long pid = sys_clone3_call(&args, become_command, command);
  if (pid > 0) wait_for_exec(command, pid);
  if (!command->filter.len) return pid;
  command->listener = filter_collect(command->listener);
  fresh_collect();
  close_fd(command->ruleset);
  return pid;
}

void exec_run(const void *records, uint32_t size, struct job *job, struct failure *failure) {
  static const char *no_environment[1];
  static struct command command; /* static: the child shares it, and it is large */
  struct wire_reader section = wire_read(records, size), payload;
  struct wire_record record;
  uint32_t used = 0, index = 0;
  command = (struct command){.search_path = "",
                             .cwd = "/",
                             .envp = no_environment,
                             .listener = -1,
                             .ruleset = -1,
                             .failure = failure,
                             .records = records,
                             .records_size = size};
  *failure = (struct failure){.phase = PHASE_EXEC, .step = STEP_PLAN};
  for (; wire_next(&section, &record, &payload); index++) {
    read_command(record.op, &payload, &command, job, index, record.flags, &used);
    if (payload.bad) section.bad = 1;
  }
  if (section.bad || !command.file) {
    failure->index = index;
    failure->error = EBADMSG;
    return;
  }
  if (!command.argv || !command.envp) {
    fail(&command, STEP_EXEC, command.command_index, -E2BIG);
    return;
  }
  failure->step = STEP_START;
  long pid = start(&command);
  be_undumpable();
  if (pid < 0) failure->error = (int32_t)-pid;
  if (failure->error) { /* the child has written step and index, and is a zombie by now */
    if (pid > 0) sys_call4(__NR_wait4, pid, 0, 0, 0);
    close_fd(command.listener);
    return;
  }
  job->pid = (int)pid;
  job->listener = command.listener;
  job->started_ns = command.started_ns;
  job->cpu_fd = job->kill_fd = -1;
  lent_take(ROLE_KILL, 0, &job->kill_fd);
  for (job->cpu_clock = WIRE_CPU_STAT_V2; job->cpu_limit_ns && job->cpu_clock <= WIRE_CPUACCT_USAGE; job->cpu_clock++) {
    lent_take(ROLE_CPU_CLOCK, job->cpu_clock, &job->cpu_fd);
    if (job->cpu_fd >= 0) break;
  }
  if (job->wall_deadline_ns) job->wall_deadline_ns += job->started_ns;
  job->cpu_check_ns = job->started_ns;
}
