/* What the parts of init share: the state of the one sandbox that this process is, and how each part is entered. */
#ifndef COFFERDAM_INIT_H
#define COFFERDAM_INIT_H

#include "sys.h"
#include "wire.h"

#define CHANNEL 3     /* where the addon's child put our end of the channel */
#define FILTER_SLOT 4 /* kept free for what filter_install makes */
#define JOBS_MAX 64

/* Descriptors lent with a request, by role; -1 where there is none. Owned by init until the request has been served. */
struct lent {
  int count;
  int fds[WIRE_FDS_TOTAL];
  uint32_t roles[WIRE_FDS_TOTAL];
};

/* Where a step failed. `error` is a positive errno; 0 is success. */
struct failure {
  uint32_t phase;
  uint32_t step;
  uint32_t index;
  int32_t error;
};

/* One command and what supervision needs to know of it. */
struct job {
  uint32_t id;
  int pid; /* 0: the slot is free */
  int last;
  int kill_fd; /* owned; cgroup.kill of the leaf, or -1 */
  int cpu_fd;  /* owned; -1 without a CPU limit */
  uint32_t cpu_clock;
  uint32_t cause;
  int terminal;    /* owned until STARTED has been sent; the master of its terminal, or -1 */
  int listener;    /* owned; where the filter reports violations, or -1 */
  int32_t syscall; /* with CAUSE_SECCOMP: the call, and whose number it is (AUDIT_ARCH_*) */
  uint32_t architecture;
  uint32_t parallelism; /* hundredths of a core */
  uint64_t started_ns;
  uint64_t wall_deadline_ns; /* 0: none */
  uint64_t cpu_limit_ns;     /* 0: none */
  uint64_t cpu_check_ns;     /* when to look at the CPU clock next */
};

/* Shared by all parts; init is single-threaded. */
extern struct lent lent;
extern int bounding_set_empty;
extern int pid_namespace; /* init is PID 1 of its own pid namespace */
extern int box_ruleset;   /* owned; of the recipe's landlock(), or -1 */

/* boot.c: one part of the boot section; and, between two parts, the wait of an init that nobody has asked for yet */
void boot_run(const void *records, uint32_t size, struct failure *failure);
void boot_rest(void);

/* exec.c: starts the command, in a process of its own or the one that is parked, and fills the job, or says what
 * failed. */
void exec_run(const void *records, uint32_t size, int parked, struct job *job, struct failure *failure);

/* parked.c: puts a process into the lent leaf, for the next command, and prepares it as far as these records say;
 * whether there is one, with that pid or (0) with any. */
void park(const void *records, uint32_t size, struct failure *failure);
int is_parked(long pid);

/* violation.c; `listener` is left alone where violations kill by SIGSYS. */
struct sock_fprog;
long filter_reserve(void);
long filter_install(struct sock_fprog *filter, int *listener);
int filter_collect(int listener);
int violation_read(struct job *job);

/* fresh.c: in the command's process, before its execve; the keyrings of the user as that user. */
long fresh_places(const void *records, uint32_t size, struct failure *failure, int *ruleset);
void fresh_collect(
    void); /* in init, where descriptors are shared: closes those of a process that was killed meanwhile */
long fresh_session_keyring(void);
long fresh_user_keyrings(void);

/* landlock.c: the parts of a ruleset, whose descriptor is *ruleset, -1 before the first; and taking it on */
enum landlock_part { LANDLOCK_RULESET, LANDLOCK_PATH, LANDLOCK_PORT };
long landlock_record(enum landlock_part part, struct wire_reader *p, int *ruleset);
long landlock_restrict(int ruleset);

/* channel.c: one packet to Node, with this process's credentials (0: none) and this descriptor (-1: none); and one from
 * it, which is not waited for. -errno. */
long channel_send(struct wire_event *event, int pid, int fd);
long channel_receive(void *packet, size_t size);

/* supervise.c: keeps the limits of all commands, and says when to look again; for whoever has to wait elsewhere */
uint64_t watch_jobs(void);

/* supervise.c: never returns. What could not be prepared (-errno) is reported, and ends init. */
void supervise(long prepared) __attribute__((noreturn));

/* janitor.c: never returns. */
void janitor(void) __attribute__((noreturn));

/* lent descriptors */
int lent_find(uint32_t role, uint32_t number);
void lent_take(uint32_t role, uint32_t number, int *fd); /* moves ownership to *fd */
void lent_close(void);

/* small things a C library would have given */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
uint64_t now_ns(void);
size_t text_length(const char *text);
uint64_t text_number(const char *text);
char *text_append(char *at, char *end, const char *text);
char *text_append_number(char *at, char *end, uint64_t number, unsigned base);
void close_fd(int fd);

/* init's own: gives up all capabilities but these; and is out of reach of those who have its id */
long keep_capabilities(uint64_t kept);
long be_undumpable(void);

#endif
