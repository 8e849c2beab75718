/* Other processes: the supervisor, siblings, the host's; and outliving one's own end. */
#include "attack.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void ignore(int number) {
  signal(number, SIG_IGN);
}

/* The state letter of a process, 0 when it is not there. */
static char state_of(pid_t pid) {
  char path[64], text[512] = "";
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd == -1) return 0;
  ssize_t size = read(fd, text, sizeof text - 1);
  close(fd);
  const char *end = size > 0 ? strrchr(text, ')') : NULL;
  return end ? end[2] : 0;
}

static pid_t pid_argument(const char *text) {
  return strcmp(text, "parent") ? (pid_t)number(text) : getppid();
}

/* `signal <pid or parent> <signal>`: stops or ends it. One that it has stopped goes on afterwards. */
static void signal_other(int argc, char **argv) {
  (void)argc;
  pid_t pid = pid_argument(argv[1]);
  if (kill(pid, (int)number(argv[2])) == -1) {
    lost("kill");
    return;
  }
  for (int i = 0; i < 30; i++) {
    char state = state_of(pid);
    if (state == 0 || state == 'Z') won("it has ended");
    if (state == 'T') {
      kill(pid, SIGCONT);
      won("it is stopped");
    }
    usleep(10000);
  }
  lost_with("kill", "no effect");
}

/* Signals everything, and then sleeps past its limit: somebody must still be there to end it. */
static void signal_all(int argc, char **argv) {
  (void)argc;
  kill(-1, (int)number(argv[1]));
  kill(1, (int)number(argv[1]));
  kill(getppid(), (int)number(argv[1]));
  sleep_seconds(strtod(argv[2], NULL));
  won("it has slept past its limit");
}

/* `trace <pid or parent>` */
static void trace(int argc, char **argv) {
  (void)argc;
  pid_t pid = pid_argument(argv[1]);
  long result = ptrace(PTRACE_SEIZE, pid, NULL, NULL);
  if (result == 0) ptrace(PTRACE_DETACH, pid, NULL, NULL);
  tried("ptrace", result);
}

static void read_memory(int argc, char **argv) {
  (void)argc;
  char byte;
  struct iovec here = {&byte, 1}, there = {(void *)0x400000, 1};
  long result = process_vm_readv(pid_argument(argv[1]), &here, 1, &there, 1, 0);
  /* Nothing at that address is an answer that only somebody gets who may look. */
  if (result == -1 && errno == EFAULT) won("process_vm_readv");
  tried("process_vm_readv", result);
}

static void steal_descriptor(int argc, char **argv) {
  (void)argc;
  int pidfd = (int)syscall(SYS_pidfd_open, pid_argument(argv[1]), 0);
  if (pidfd == -1)
    lost("pidfd_open");
  else
    tried("pidfd_getfd", syscall(SYS_pidfd_getfd, pidfd, 0, 0));
}

/* `look-into <pid or parent>`: everything of it that /proc would show to a debugger. */
static void look_into(int argc, char **argv) {
  (void)argc;
  static const char *const files[] = {"mem",      "environ", "auxv", "maps", "stack",      "syscall",
                                      "fdinfo/0", "root/",   "cwd/", "exe",  "task/%d/mem"};
  static const char *const links[] = {"exe", "root", "cwd", "fd/0", "fd/3", "ns/mnt"};
  pid_t pid = pid_argument(argv[1]);
  char path[128], target[256];
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    int at = snprintf(path, sizeof path, "/proc/%d/", pid);
    snprintf(path + at, sizeof path - (size_t)at, files[i], pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd != -1 && read(fd, target, 1) != -1) won(path);
    if (fd != -1 && errno == EISDIR) won(path);
    if (fd == -1 || errno != ESRCH) lost(fd == -1 ? "open" : "read");
    if (fd != -1) close(fd);
  }
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    snprintf(path, sizeof path, "/proc/%d/%s", pid, links[i]);
    tried("readlink", readlink(path, target, sizeof target));
  }
}

/* Any process but the first and itself. */
static void find_others(int argc, char **argv) {
  (void)argc, (void)argv;
  DIR *proc = opendir("/proc");
  if (!proc) broken("/proc");
  for (struct dirent *entry; (entry = readdir(proc));) {
    int pid = atoi(entry->d_name);
    if (pid > 1 && pid != getpid()) won(entry->d_name);
  }
  closedir(proc);
  lost_with("/proc", "nobody else");
}

static void reach(int argc, char **argv) {
  (void)argc;
  tried("kill", kill((pid_t)number(argv[1]), 0));
}

/* `survive <path>`: a daemon in a session of its own that adds to the file ten times a second, for ten seconds. */
static void survive(int argc, char **argv) {
  (void)argc;
  int fd = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd == -1) {
    lost("open");
    return;
  }
  int ready[2];
  if (pipe(ready) == -1) broken("pipe");
  pid_t child = fork();
  if (child == -1) broken("fork");
  if (child == 0) {
    for (int number = 1; number < 65; number++) ignore(number);
    setsid();
    pid_t daemon = fork();
    if (daemon > 0) printf("daemon %d\n", daemon);
    fflush(stdout);
    if (daemon != 0) _exit(0);
    close(0), close(1), close(2);
    for (int i = 0; i < 100; i++) {
      if (write(fd, ".", 1) == 1 && i == 0) close(ready[1]);
      usleep(100000);
    }
    _exit(0);
  }
  close(ready[1]);
  char byte;
  if (read(ready[0], &byte, 1) == -1) broken("read");
  lost_with("survive", "we shall see");
}

/* `sleep-past <seconds>`, deaf to everything that can be ignored. */
static void sleep_past(int argc, char **argv) {
  (void)argc;
  for (int number = 1; number < 65; number++) ignore(number);
  sleep_seconds(strtod(argv[1], NULL));
  won("it has slept past its limit");
}

/* `fork-bomb <n>`: so many at once. */
static void fork_bomb(int argc, char **argv) {
  (void)argc;
  int hold[2];
  if (pipe(hold) == -1) broken("pipe");
  for (uint64_t left = number(argv[1]); left > 0; left--) {
    pid_t child = fork();
    if (child == -1) {
      lost("fork");
      return;
    }
    if (child > 0) continue;
    char end;
    close(hold[1]);
    _exit(read(hold[0], &end, 1) == -1);
  }
  won("all of them were there at once");
}

/* `starve <pid or parent>`: the supervisor gets the last of the processor, or less of anything, from now on. What it
 * has is given back to it. */
static void starve(int argc, char **argv) {
  (void)argc;
  pid_t pid = pid_argument(argv[1]);
  cpu_set_t processors;
  if (sched_getaffinity(pid, sizeof processors, &processors) == 0)
    tried("sched_setaffinity", sched_setaffinity(pid, sizeof processors, &processors));
  else
    lost("sched_getaffinity");
  struct sched_param none = {0};
  tried("sched_setscheduler", sched_setscheduler(pid, SCHED_OTHER, &none));
  errno = 0;
  int nice = getpriority(PRIO_PROCESS, (id_t)pid);
  tried("setpriority", setpriority(PRIO_PROCESS, (id_t)pid, nice));
  struct rlimit limit = {0, 0};
  long got = prlimit(pid, RLIMIT_CORE, NULL, &limit);
  tried("prlimit", got == -1 ? -1 : prlimit(pid, RLIMIT_CORE, &limit, NULL));
  tried("ioprio_set", syscall(SYS_ioprio_set, 1, pid, 3 << 13));
}

static int is_starting(pid_t pid) {
  char path[64], name[32] = "";
  snprintf(path, sizeof path, "/proc/%d/comm", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t size = fd == -1 ? -1 : read(fd, name, sizeof name - 1);
  if (fd != -1) close(fd);
  return size > 0 && !strcmp(name, "cofferdam-init\n");
}

/* `stop-starting <seconds>`: in a box, stops the process that is to become another command while it still has the
 * supervisor's memory, so that the supervisor waits for it. Others go on. */
static void stop_starting(int argc, char **argv) {
  (void)argc;
  double end = now_seconds() + strtod(argv[1], NULL);
  for (pid_t next = getpid() + 1; now_seconds() < end;)
    for (pid_t pid = next; pid < next + 3 && now_seconds() < end; pid++) {
      if (kill(pid, SIGSTOP) == -1) continue;
      if (is_starting(pid)) {
        sleep_seconds(end - now_seconds());
        break;
      }
      kill(pid, SIGCONT);
      next = pid + 1;
    }
  won("it has run past its limit");
}

static void past_the_alarm(int number) {
  (void)number;
  _exit(0);
}

/* The same against a supervisor that uses vfork, made for it: the alarm of 0.2 s that it has is its clock. */
static void stop_vfork(int argc, char **argv) {
  (void)argc, (void)argv;
  int told[2];
  if (pipe(told) == -1) broken("pipe");
  pid_t supervisor = fork();
  if (supervisor == -1) broken("fork");
  if (supervisor == 0) {
    signal(SIGALRM, past_the_alarm);
#ifdef SYS_vfork
    pid_t child = (pid_t)syscall(SYS_vfork);
#else // what vfork() is on newer architectures
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
#endif
    if (child == 0) {
      pid_t self = (pid_t)syscall(SYS_getpid);
      if (write(told[1], &self, sizeof self) == -1) _exit(1);
      for (;;) pause();
    }
    _exit(1);
  }
  pid_t child;
  if (read(told[0], &child, sizeof child) != sizeof child) broken("read");
  kill(child, SIGSTOP);
  kill(supervisor, SIGALRM);
  sleep_seconds(0.5);
  int over = waitpid(supervisor, NULL, WNOHANG) == supervisor;
  kill(child, SIGKILL);
  kill(supervisor, SIGKILL);
  if (!over) won("the supervisor sleeps past its alarm");
  lost_with("kill", "no effect");
}

static void hold(int argc, char **argv) {
  (void)argc;
  puts("holding");
  fflush(stdout);
  sleep_seconds(strtod(argv[1], NULL));
}

const struct attack process_attacks[] = {
    {"signal", 2, signal_other},
    {"signal-all", 2, signal_all},
    {"trace", 1, trace},
    {"read-memory", 1, read_memory},
    {"steal-descriptor", 1, steal_descriptor},
    {"look-into", 1, look_into},
    {"find-others", 0, find_others},
    {"reach", 1, reach},
    {"survive", 1, survive},
    {"sleep-past", 1, sleep_past},
    {"fork-bomb", 1, fork_bomb},
    {"starve", 1, starve},
    {"stop-starting", 1, stop_starting},
    {"stop-vfork", 0, stop_vfork},
    {"hold", 1, hold},
    {NULL, 0, NULL},
};
