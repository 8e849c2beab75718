// Probes; see host_probe.h. Each runs in a forked child that ends with it, so that namespaces, filters and descriptors
// need no undoing; a timer ends one that hangs, the parent's death all of them.
#include "host_probe.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "init/sys.h"
#include "unique_fd.h"

#ifndef __NR_pidfd_send_signal // 5.1
#define __NR_pidfd_send_signal 424
#endif
#ifndef MFD_EXEC // 6.3
#define MFD_EXEC 0x0010U
#endif
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern "C" {
extern const char cofferdam_init_start[];
extern const char cofferdam_init_end[];
}

namespace cofferdam {
namespace {

constexpr int kLimitSeconds = 5;
constexpr unsigned kFirstHostId = 100000, kHostIdCount = 65536;
constexpr const char *kLate = "late", *kKilled = "killed"; // in the place of a call that failed
constexpr unsigned kLandlockVersion = 1;                   // LANDLOCK_CREATE_RULESET_VERSION

ProbeAnswer Works(int value = 0) {
  return {0, value, ""};
}

ProbeAnswer Failed(const char *at, int error = errno) {
  ProbeAnswer answer = {error, 0, ""};
  snprintf(answer.at, sizeof answer.at, "%s", at);
  return answer;
}

// A child must not outlive who waits for it, nor wait for ever itself.
void BoundLife() {
  itimerval limit = {{0, 0}, {kLimitSeconds, 0}};
  sigset_t all;
  sigfillset(&all);
  signal(SIGALRM, SIG_DFL);
  sigprocmask(SIG_UNBLOCK, &all, nullptr);
  setitimer(ITIMER_REAL, &limit, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
}

// Runs `probe` in a forked child.
template <typename Probe> ProbeAnswer InChild(Probe probe) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return Failed("pipe");
  UniqueFd reader(ends[0]), writer(ends[1]);
  pid_t child = fork();
  if (child < 0) return Failed("fork");
  if (child == 0) {
    BoundLife();
    ProbeAnswer answer = probe();
    _exit(write(writer.get(), &answer, sizeof answer) == sizeof answer ? 0 : 1);
  }
  writer.reset();
  ProbeAnswer answer;
  ssize_t size;
  do size = read(reader.get(), &answer, sizeof answer);
  while (size < 0 && errno == EINTR);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (size == sizeof answer) return answer;
  // Outer seccomp filters may kill instead of answering.
  const bool late = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
  return Failed(late ? kLate : kKilled, late ? ETIMEDOUT : EPERM);
}

bool WriteText(const char *path, const char *text) {
  UniqueFd fd(open(path, O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), text, strlen(text)) == static_cast<ssize_t>(strlen(text));
}

// The maps that the addon would write (src/identity.ts). Root inside is nobody then, with all rights in the namespace.
ProbeAnswer WriteMaps(long child) {
  const bool root = geteuid() == 0;
  char path[64], map[48];
  auto write_map = [&](const char *file, unsigned outside, unsigned count) {
    snprintf(path, sizeof path, "/proc/%ld/%s", child, file);
    snprintf(map, sizeof map, "0 %u %u", outside, count);
    return WriteText(path, map);
  };
  snprintf(path, sizeof path, "/proc/%ld/setgroups", child);
  if (!root && !WriteText(path, "deny")) return Failed("setgroups");
  if (!write_map("gid_map", root ? kFirstHostId : getegid(), root ? kHostIdCount : 1)) return Failed("gid_map");
  if (!write_map("uid_map", root ? kFirstHostId : geteuid(), root ? kHostIdCount : 1)) return Failed("uid_map");
  return Works();
}

// Runs `probe` in a user and mount namespace and others, made as a sandbox's are, once it is certain that mounts may be
// changed there: Ubuntu grants the namespace and refuses that.
template <typename Probe> ProbeAnswer InNamespaces(uint64_t more, Probe probe) {
  int go[2], ends[2];
  if (pipe2(go, O_CLOEXEC) < 0 || pipe2(ends, O_CLOEXEC) < 0) return Failed("pipe");
  sys_clone_args args = {};
  args.flags = CLONE_NEWUSER | CLONE_NEWNS | more;
  args.exit_signal = SIGCHLD;
  long child = syscall(__NR_clone3, &args, sizeof args);
  if (child < 0) return Failed("clone3");
  char word = 0;
  if (child == 0) {
    BoundLife();
    close(go[1]);
    if (read(go[0], &word, 1) != 1) _exit(1);
    ProbeAnswer answer = mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0 ? Failed("mount") : probe();
    _exit(write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
  }
  close(go[0]);
  close(ends[1]);
  ProbeAnswer answer = WriteMaps(child);
  if (answer.error) return answer; // its end of the pipe closes with this process, and it leaves
  if (write(go[1], &word, 1) != 1) return Failed("write");
  ssize_t size;
  do size = read(ends[0], &answer, sizeof answer);
  while (size < 0 && errno == EINTR);
  return size == sizeof answer ? answer : Failed(kKilled, EPERM);
}

ProbeAnswer UserNamespace() {
  return InNamespaces(0, [] { return Works(); });
}

ProbeAnswer Clone3() {
  sys_clone_args args = {};
  args.exit_signal = SIGCHLD;
  long child = syscall(__NR_clone3, &args, sizeof args);
  if (child < 0) return Failed("clone3");
  if (child == 0) _exit(0);
  return Works();
}

// A descriptor that is no cgroup's is told from a flag that is not known: EBADF, and nothing has been started.
ProbeAnswer CloneIntoCgroup() {
  UniqueFd fd(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  sys_clone_args args = {};
  args.flags = CLONE_INTO_CGROUP;
  args.exit_signal = SIGCHLD;
  args.cgroup = static_cast<uint64_t>(fd.get());
  long child = syscall(__NR_clone3, &args, sizeof args);
  if (child == 0) _exit(0);
  if (child < 0 && errno == EBADF) return Works();
  return Failed("clone3", child < 0 ? errno : EINVAL);
}

ProbeAnswer CloseRange() {
  return syscall(__NR_close_range, ~0u, ~0u, 0) < 0 ? Failed("close_range") : Works();
}

// As the addon uses them: one comes from clone3, ends a process, and is waited on.
ProbeAnswer Pidfd() {
  int pidfd = -1;
  sys_clone_args args = {};
  args.flags = CLONE_PIDFD;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.exit_signal = SIGCHLD;
  long child = syscall(__NR_clone3, &args, sizeof args);
  if (child < 0) return Failed("clone3");
  if (child == 0) {
    BoundLife();
    for (;;) pause();
  }
  if (syscall(__NR_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0) < 0) return Failed("pidfd_send_signal");
  siginfo_t info;
  return waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(pidfd), &info, WEXITED) < 0 ? Failed("waitid")
                                                                                              : Works();
}

ProbeAnswer ResolveInRoot() {
  open_how how = {};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  UniqueFd root(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  UniqueFd fd(static_cast<int>(syscall(__NR_openat2, root.get(), "proc", &how, sizeof how)));
  return fd ? Works() : Failed("openat2");
}

// init, which finds no channel at descriptor 3 and leaves at once. What counts is that it was executed: then the pipe's
// end closes without a word.
ProbeAnswer MemfdExec() {
  UniqueFd image(memfd_create("cofferdam-probe", MFD_CLOEXEC | MFD_EXEC));
  if (!image && errno == EINVAL) image.reset(memfd_create("cofferdam-probe", MFD_CLOEXEC));
  if (!image) return Failed("memfd_create");
  const auto size = cofferdam_init_end - cofferdam_init_start;
  if (write(image.get(), cofferdam_init_start, static_cast<size_t>(size)) != size) return Failed("write");
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return Failed("pipe");
  UniqueFd reader(ends[0]), writer(ends[1]);
  pid_t child = fork();
  if (child < 0) return Failed("fork");
  if (child == 0) {
    BoundLife();
    const char *argv[] = {"probe", nullptr}, *envp[] = {nullptr};
    UniqueFd null(open("/dev/null", O_RDONLY)), copy(fcntl(image.get(), F_DUPFD_CLOEXEC, 10));
    UniqueFd report(fcntl(writer.get(), F_DUPFD_CLOEXEC, 10));
    dup2(null.get(), 3); // no channel
    syscall(__NR_execveat, copy.get(), "", argv, envp, AT_EMPTY_PATH);
    int error = errno;
    _exit(write(report.get(), &error, sizeof error) == sizeof error ? 1 : 2);
  }
  writer.reset();
  int error = 0;
  ssize_t told;
  do told = read(reader.get(), &error, sizeof error);
  while (told < 0 && errno == EINTR);
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return told == sizeof error ? Failed("execveat", error) : Works();
}

// A filter that permits everything, and the actions that one of ours would use.
ProbeAnswer SeccompFilter() {
  sock_filter permit = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  sock_fprog program = {1, &permit};
  unsigned action = SECCOMP_RET_KILL_PROCESS; // 4.14
  if (syscall(__NR_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) < 0) return Failed("seccomp");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Failed("prctl");
  return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0 ? Failed("seccomp") : Works();
}

ProbeAnswer LandlockVersion() {
  long version = syscall(__NR_landlock_create_ruleset, nullptr, 0, kLandlockVersion);
  return version < 0 ? Failed("landlock_create_ruleset") : Works(static_cast<int>(version));
}

// A ruleset that lets directories be read below /proc alone: then / may not be opened, and /proc may. The answer is the
// version.
ProbeAnswer Landlock() {
  ProbeAnswer version = LandlockVersion();
  if (version.error) return version;
  uint64_t read_dir = 1u << 3; // LANDLOCK_ACCESS_FS_READ_DIR
  UniqueFd ruleset(static_cast<int>(syscall(__NR_landlock_create_ruleset, &read_dir, sizeof read_dir, 0)));
  if (!ruleset) return Failed("landlock_create_ruleset");
  UniqueFd proc(open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct {
    uint64_t allowed;
    int32_t parent;
  } __attribute__((packed)) rule = {read_dir, proc.get()};
  const int beneath = 1; // LANDLOCK_RULE_PATH_BENEATH
  if (syscall(__NR_landlock_add_rule, ruleset.get(), beneath, &rule, 0) < 0) return Failed("landlock_add_rule");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return Failed("prctl");
  if (syscall(__NR_landlock_restrict_self, ruleset.get(), 0) < 0) return Failed("landlock_restrict_self");
  if (!UniqueFd(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC))) return Failed("open");
  UniqueFd root(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return !root && errno == EACCES ? version : Failed("open /", root ? EEXIST : errno);
}

ProbeAnswer Procfs() {
  return InNamespaces(CLONE_NEWPID,
                      [] { return mount("proc", "/proc", "proc", 0, nullptr) < 0 ? Failed("mount proc") : Works(); });
}

ProbeAnswer ChangeMount() {
  UniqueFd tree(
      static_cast<int>(syscall(__NR_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE)));
  if (!tree) return Failed("open_tree");
  struct {
    uint64_t set, clear, propagation, userns_fd;
  } attr = {MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, 0, 0, 0};
  long result = syscall(__NR_mount_setattr, tree.get(), "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof attr);
  return result < 0 ? Failed("mount_setattr") : Works();
}

ProbeAnswer MountAttributes() {
  return InNamespaces(0, ChangeMount);
}

const struct {
  const char *name;
  ProbeAnswer (*run)();
} kProbes[] = {
    {"clone3", Clone3},
    {"clone-into-cgroup", CloneIntoCgroup},
    {"close-range", CloseRange},
    {"pidfd", Pidfd},
    {"resolve-in-root", ResolveInRoot},
    {"memfd-exec", MemfdExec},
    {"user-namespace", UserNamespace},
    {"procfs", Procfs},
    {"mount-attributes", MountAttributes},
    {"seccomp-filter", SeccompFilter},
    {"landlock", Landlock},
    {"landlock-version", LandlockVersion},
};

} // namespace

bool RunProbe(const std::string &name, bool here, ProbeAnswer *answer) {
  for (const auto &probe : kProbes) {
    if (name != probe.name) continue;
    *answer = here ? probe.run() : InChild(probe.run);
    return true;
  }
  return false;
}

} // namespace cofferdam
