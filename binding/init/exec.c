/* Exec: one command, from what command.c has read to execve.
 *
 * The command's process is made by clone3(CLONE_VM): it borrows init's memory, init sleeps until it has executed or
 * exited, and what failed is simply written to the shared `failure`. CLONE_VFORK would do the same, but init could not
 * wake from it: another command of the box with the same id can stop the process in the moment between its change of
 * id and its execve, and nobody's limits would be kept. With a cgroup v2 leaf the process is born in it
 * (CLONE_INTO_CGROUP, 5.7); v1 leaves, and v2's on an older kernel, are joined by writing "0" to their cgroup.procs
 * before anything else. With a filter it borrows init's descriptors as well, see violation.c. Where joining takes long,
 * a process has been put into the leaf ahead (parked.c), and goes on here. The order of the steps matters: the cgroup
 * namespace after the leaf has been entered, so that its root is the leaf; the bounding set and groups while
 * capabilities last; Landlock after no_new_privs, which it needs; then no descriptor is left, and the working directory
 * and the file are looked up as the command's own user; the filter last.
 */
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/signal.h>
#include <linux/time.h>
#include <linux/wait.h>

#include "command.h"
#include "init.h"

#define PATH_SIZE 4096
#define START_TICK_NS 10000000
#define START_STOPS_MAX 50 /* ticks at which the process was found stopped */

static char stack[32768] __attribute__((aligned(16)));
static char path[PATH_SIZE];

static long fail(struct command *command, uint32_t step, uint32_t index, long error) {
  command->failure->step = step;
  command->failure->index = index;
  command->failure->error = (int32_t)-error;
  return error;
}

/* A kernel before 5.7 has no CLONE_INTO_CGROUP: the process goes there itself, before it is anything but init's. */
long join_leaf(int leaf) {
  long procs = sys_call4(__NR_openat, leaf, "cgroup.procs", O_WRONLY | O_CLOEXEC, 0);
  if (procs < 0) return procs;
  long result = sys_call3(__NR_write, procs, "0", 1);
  close_fd((int)procs);
  return result;
}

/* Out of init's shield: the id as which it opens files. */
long become_caller(void) {
  long uid = sys_call1(__NR_setfsuid, -1);
  return sys_call3(__NR_setresuid, uid, uid, uid);
}

/* In v1 who has opened cgroup.procs must have an id of whoever is moved: the caller (kernel/cgroup/cgroup-v1.c). */
static long join_groups(struct command *command) {
  if (command->join_leaf) {
    long result = join_leaf(lent_find(ROLE_LEAF, 0));
    if (result < 0) return fail(command, STEP_CGROUP_JOIN, command->cgroup_index, result);
  }
  for (int i = 0; i < lent.count; i++) {
    if (lent.roles[i] >> 16 != ROLE_PROCS) continue;
    long result = become_caller();
    if (result >= 0) result = sys_call3(__NR_write, lent.fds[i], "0", 1);
    if (result >= 0) continue;
    command->failure->phase = PHASE_HOST; /* whose record it is */
    return fail(command, STEP_CGROUP_JOIN, lent.roles[i] & 0xffff, result);
  }
  return 0;
}

static long leave_cgroup_namespace(struct command *command) {
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
  if (command->columns) {
    long result = terminal_put(command);
    return result < 0 ? fail(command, STEP_TERMINAL, command->terminal_index, result) : 0;
  }
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

/* close_range(2) is of 5.9, its flag CLOSE_RANGE_CLOEXEC of 5.11, and filters that are older answer EPERM. All that
 * init has open is closed by execve anyway. */
static int is_missing(long result) {
  return result == -ENOSYS || result == -EPERM || result == -EINVAL;
}

/* From here on paths are followed that a program may have had a hand in: the working directory, the file, its
 * interpreter. Any of them may be, or lead through, a link to /proc/self/fd/N; were that a directory of the host, as
 * the leaf is, "N/../../.." would be the host's root (CVE-2024-21626). So no descriptor of a directory may be left. A
 * table that is shared with init keeps what init still needs: its channel, and files to read clocks and to kill. */
static long drop_lent(const struct command *command) {
  if (!command->shares_descriptors) {
    long result = sys_call3(__NR_close_range, 3, ~0u, 0);
    if (!is_missing(result)) return result;
  }
  for (int i = 0; i < lent.count; i++) {
    uint32_t role = lent.roles[i] >> 16;
    if (role == ROLE_KILL || role == ROLE_CPU_CLOCK) continue;
    close_fd(lent.fds[i]);
    lent.fds[i] = -1; /* init's, too: the memory is shared as well */
  }
  return 0;
}

/* A directory that is not below the root is not entered, whatever led to it; getcwd(2) says "(unreachable)" of it. */
static long enter_directory(const char *directory) {
  long result = sys_call1(__NR_chdir, directory);
  if (result < 0) return result;
  result = sys_call2(__NR_getcwd, path, sizeof path);
  return result > 0 && path[0] != '/' ? -EXDEV : 0; /* one that is deleted or has a longer name is inside */
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

/* In its leaf. */
static long take_place(struct command *command) {
  if (leave_cgroup_namespace(command) < 0 || become_fresh(command) < 0) return -1;
  long result = sys_call0(__NR_setsid);
  return result < 0 ? fail(command, STEP_SESSION, 0, result) : 0;
}

static long take_identity(struct command *command) {
  if (set_rlimits(command) < 0) return -1;
  sys_call1(__NR_umask, 022);
  return set_credentials(command);
}

/* Descriptors 0-2 are put in place before the limits otherwise: below this one they could not be. */
static int has_few_descriptors(const struct command *command) {
  for (uint32_t i = 0; i < command->rlimit_count; i++)
    if (command->rlimits[i].resource == RLIMIT_NOFILE && command->rlimits[i].soft <= FILTER_SLOT) return 1;
  return 0;
}

void command_prepare(struct command *command) {
  if (has_few_descriptors(command)) return;
  long result = sys_call1(__NR_unshare, CLONE_FS | command->fresh);
  if (result < 0) fail(command, STEP_START, 0, result);
  if (result >= 0 && take_place(command) >= 0) take_identity(command);
  command->prepared = 1;
}

/* Runs in init's memory, on `stack`, while init sleeps. Returns only on failure. */
static int become_command(void *argument) {
  struct command *command = argument;
  uint64_t no_signals = 0;
  if (!command->prepared && (join_groups(command) < 0 || take_place(command) < 0)) return 1;
  if (put_stdio(command) < 0) return 1;
  if (!command->prepared && take_identity(command) < 0) return 1;
  if (restrict_self(command) < 0) return 1;
  long result = drop_lent(command);
  if (result < 0) return (int)fail(command, STEP_STDIO, 0, result);
  result = enter_directory(command->cwd);
  if (result < 0) return (int)fail(command, STEP_EXEC, command->cwd_index, result);
  if (command->shares_descriptors) result = sys_call3(__NR_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC);
  if (result < 0 && !is_missing(result)) return (int)fail(command, STEP_STDIO, 0, result);
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

/* The same for one that was parked: what others are born with it takes now. */
static int become_command_late(void *argument) {
  struct command *command = argument;
  if (command->prepared) return become_command(command);
  long result = sys_call1(__NR_unshare, CLONE_FS | command->fresh);
  return result < 0 ? (int)fail(command, STEP_START, 0, result) : become_command(command);
}

static long give_birth(struct command *command, uint32_t *sharing) {
  int leaf = lent_find(ROLE_LEAF, 0);
  struct sys_clone_args args = {
      .flags = CLONE_VM | CLONE_CHILD_CLEARTID | command->fresh | (leaf >= 0 ? CLONE_INTO_CGROUP : 0) |
               (command->shares_descriptors ? CLONE_FILES : 0),
      .child_tid = (uint64_t)(uintptr_t)sharing,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = sizeof stack,
      .cgroup = leaf >= 0 ? (uint64_t)leaf : 0,
  };
  *sharing = 1;
  long pid = sys_clone3_call(&args, become_command, command);
  if (leaf < 0 || (pid != -EINVAL && pid != -E2BIG)) return pid;
  args.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
  args.cgroup = 0;
  command->join_leaf = 1;
  long again = sys_clone3_call(&args, become_command, command);
  return again > 0 ? again : pid;
}

/* CLONE_CHILD_CLEARTID: the kernel clears *sharing and wakes its futex when the process has left our memory. One that
 * is stopped time and again is given up; how long a process that runs may take is nobody's business. */
static void wait_for_exec(struct command *command, long pid, const uint32_t *sharing) {
  const struct __kernel_timespec tick = {0, START_TICK_NS};
  for (int stops = 0; __atomic_load_n(sharing, __ATOMIC_ACQUIRE);) {
    if (sys_call6(__NR_futex, SYS_ARG(sharing), FUTEX_WAIT, 1, SYS_ARG(&tick), 0, 0) != -ETIMEDOUT) continue;
    siginfo_t info = {.si_signo = 0};
    watch_jobs();
    sys_call5(__NR_waitid, 1 /* P_PID */, pid, &info, WSTOPPED | WNOHANG | __WALL, 0);
    if (!info.si_signo) continue;
    sys_call2(__NR_kill, pid, ++stops < START_STOPS_MAX ? SIGCONT : SIGKILL);
    if (stops >= START_STOPS_MAX) fail(command, STEP_START, command->command_index, -EINTR);
  }
}

static long start(struct command *command, int parked) {
  static uint32_t own;
  const uint32_t *sharing = &own;
  if (parked && !is_parked(0)) return -ESRCH;
  command->shares_descriptors = parked || command->filter.len > 0 || command->columns;
  long pid = parked ? unpark(become_command_late, command, &sharing) : give_birth(command, &own);
  if (pid > 0) wait_for_exec(command, pid, sharing);
  if (!command->shares_descriptors) return pid;
  command->listener = filter_collect(command->listener);
  fresh_collect();
  close_fd(command->ruleset);
  return pid;
}

void exec_run(const void *records, uint32_t size, int parked, struct job *job, struct failure *failure) {
  static struct command command; /* static: the child shares it, and it is large */
  if (!command_read(&command, records, size, job, failure)) return;
  failure->step = STEP_START;
  long pid = start(&command, parked);
  be_undumpable();
  if (pid < 0) failure->error = (int32_t)-pid;
  if (failure->error) { /* the child has written step and index, and is a zombie by now */
    if (pid > 0) sys_call4(__NR_wait4, pid, 0, 0, 0);
    close_fd(command.listener);
    close_fd(command.terminal);
    return;
  }
  job->pid = (int)pid;
  job->listener = command.listener;
  job->terminal = command.terminal;
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
