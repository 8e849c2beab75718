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

/* boot.c: one part of the boot section; and, between two parts, the wait of an init that nobody has asked for yet */
void boot_run(const void *records, uint32_t size, struct failure *failure);
void boot_rest(void);

/* exec.c: starts the command and fills the job, or says what failed. */
void exec_run(const void *records, uint32_t size, struct job *job, struct failure *failure);

/* violation.c; `listener` is left alone where violations kill by SIGSYS. */
struct sock_fprog;
void filter_reserve(void);
long filter_install(struct sock_fprog *filter, int *listener);
int filter_collect(int listener);
int violation_read(struct job *job);

/* fresh.c: in the command's process, before its execve; the keyrings of the user as that user. */
long fresh_places(const void *records, uint32_t size, struct failure *failure);
long fresh_session_keyring(void);
long fresh_user_keyrings(void);

/* supervise.c: never returns; and the limits of what runs already, while a command is being started. */
void supervise(void) __attribute__((noreturn));
void supervise_clocks(void);

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

#endif
