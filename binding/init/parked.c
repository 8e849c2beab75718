/* A parked process: the command's, made before anybody has asked for the command.
 *
 * Joining a v1 cgroup means waiting for every processor once (cgroup_threadgroup_rwsem in the kernel's cgroup.c: some 8
 * ms on an idle host). So an init that is made ahead is also given the leaf of its command to come, and puts a process
 * into it, which joins, and then waits: for `go`, by which init tells it what to become (exec.c).
 *
 * In a box, whose commands all begin alike, it then goes on as far as it can without knowing which one it will be:
 * namespaces and places of its own, session, limits, credentials. What looks at files, and the filter, come with the
 * command.
 *
 * It shares init's memory, descriptors, root and working directory (CLONE_VM, CLONE_FILES, CLONE_FS), for init has
 * still to boot; execve gives it its own. init never runs anything of the box while a process is parked in it. */
#include <linux/errno.h>
#include <linux/futex.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <linux/signal.h>

#include "command.h"
#include "init.h"

#define PARKED_FDS_MAX 16
#define SHARED_MAX 65536 /* of a longer one nothing is done ahead */

static char stack[32768] __attribute__((aligned(16)));

struct fds {
  int count;
  int fds[PARKED_FDS_MAX];
  uint32_t roles[PARKED_FDS_MAX];
};

static struct {
  int pid;          /* 0: there is none */
  uint32_t sharing; /* 1 until it no longer uses our memory (CLONE_CHILD_CLEARTID) */
  uint32_t go;      /* 1: `main` and `command` are set */
  int (*main)(void *command);
  struct command *command;
  int leaf;               /* to be joined, where the kernel could not make the process be born in it; or -1 */
  struct failure failure; /* of its joining, or of what has been prepared */
  struct command shared;  /* what the command will begin with, without what points into the request */
  int has_shared;
  struct fds procs, /* v1's cgroup.procs: the process's own as long as it lives */
      rest;         /* what else was lent with the leaf: for supervision */
} parked;

static void futex_wait(uint32_t *word, uint32_t value) {
  while (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value)
    sys_call6(__NR_futex, SYS_ARG(word), FUTEX_WAIT, value, 0, 0, 0);
}

static int parked_main(void *unused) {
  (void)unused;
  sys_call5(__NR_prctl, PR_SET_NAME, "cofferdam-seat", 0, 0, 0);
  if (parked.leaf >= 0) {
    long result = join_leaf(parked.leaf);
    if (result < 0) parked.failure = (struct failure){PHASE_EXEC, STEP_CGROUP_JOIN, 0, (int32_t)-result};
    close_fd(parked.leaf);
  }
  for (int i = 0; i < parked.procs.count; i++) {
    long result = parked.failure.error ? 0 : become_caller();
    if (result >= 0 && !parked.failure.error) result = sys_call3(__NR_write, parked.procs.fds[i], "0", 1);
    if (result < 0)
      parked.failure = (struct failure){PHASE_HOST, STEP_CGROUP_JOIN, parked.procs.roles[i] & 0xffff, (int32_t)-result};
    close_fd(parked.procs.fds[i]); /* init's, too */
  }
  if (parked.has_shared && !parked.failure.error) command_prepare(&parked.shared);
  be_undumpable(); /* the change of ids has made it something else, and it is init's memory */
  futex_wait(&parked.go, 0);
  if (parked.failure.error) {
    *parked.command->failure = parked.failure;
    return 1;
  }
  parked.command->prepared = parked.shared.prepared;
  parked.command->ruleset = parked.shared.ruleset;
  return parked.main(parked.command);
}

/* The process works on it while init receives the next request: what is still to be read is copied. */
static void take_shared(const void *records, uint32_t size) {
  static uint8_t kept[SHARED_MAX];
  parked.shared = (struct command){.ruleset = -1};
  parked.has_shared = 0;
  if (!size || size > sizeof kept) return;
  memcpy(kept, records, size);
  parked.has_shared = command_read_shared(&parked.shared, kept, size, &parked.failure);
}

/* Parks a process in the leaf that has been lent, and has it do what `records` say already. */
void park(const void *records, uint32_t size, struct failure *failure) {
  *failure = (struct failure){.phase = PHASE_EXEC, .step = STEP_START};
  int leaf = lent_find(ROLE_LEAF, 0);
  parked.procs.count = parked.rest.count = 0;
  for (int i = 0; i < lent.count; i++) {
    const uint32_t role = lent.roles[i] >> 16;
    if (role == ROLE_LEAF) continue;
    struct fds *to = role == ROLE_PROCS ? &parked.procs : &parked.rest;
    if (to->count == PARKED_FDS_MAX) {
      failure->error = E2BIG;
      return;
    }
    to->fds[to->count] = lent.fds[i];
    to->roles[to->count++] = lent.roles[i];
    lent.fds[i] = -1;
  }
  parked.go = 0;
  parked.sharing = 1;
  take_shared(records, size);
  parked.failure.error = 0;
  struct sys_clone_args args = {
      .flags = CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_CHILD_CLEARTID | (leaf >= 0 ? CLONE_INTO_CGROUP : 0),
      .child_tid = (uint64_t)(uintptr_t)&parked.sharing,
      .exit_signal = SIGCHLD,
      .stack = (uint64_t)(uintptr_t)stack,
      .stack_size = sizeof stack,
      .cgroup = leaf >= 0 ? (uint64_t)leaf : 0,
  };
  parked.leaf = -1;
  long pid = sys_clone3_call(&args, parked_main, 0);
  if (leaf >= 0 && (pid == -EINVAL || pid == -E2BIG)) {
    args.flags &= ~(uint64_t)CLONE_INTO_CGROUP;
    args.cgroup = 0;
    lent_take(ROLE_LEAF, 0, &parked.leaf);
    pid = sys_clone3_call(&args, parked_main, 0);
  }
  if (pid < 0)
    failure->error = (int32_t)-pid;
  else
    parked.pid = (int)pid;
}

/* What was lent with the leaf counts as lent with the command. */
static void hand_over(void) {
  for (int i = 0; i < parked.rest.count; i++) {
    lent.fds[lent.count] = parked.rest.fds[i];
    lent.roles[lent.count++] = parked.rest.roles[i];
  }
}

int is_parked(long pid) {
  return parked.pid && (!pid || pid == parked.pid);
}

long unpark(int (*main)(void *), struct command *command, const uint32_t **sharing) {
  long pid = parked.pid;
  parked.pid = 0;
  hand_over();
  parked.main = main;
  parked.command = command;
  *sharing = &parked.sharing;
  __atomic_store_n(&parked.go, 1, __ATOMIC_RELEASE);
  sys_call6(__NR_futex, SYS_ARG(&parked.go), FUTEX_WAKE, 1, 0, 0, 0);
  return pid;
}
