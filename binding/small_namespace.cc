// See small_namespace.h. One namespace per thread that asks; the stock's is the only one.
#include "small_namespace.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "detached.h"
#include "init/sys.h"
#include "unique_fd.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

namespace cofferdam {
namespace {

constexpr int kAttempts = 20;
constexpr int kPauseMs = 5;

struct Namespaces {
  UniqueFd small, host; // mount namespaces
  UniqueFd root;        // "/" as the process sees it, which may be a chroot
  bool tried = false;
  bool astray = false;
};

UniqueFd OwnNamespace() {
  return UniqueFd(open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
}

// A mount namespace copied from the host's must not show it anything that happens here.
bool MakePrivate() {
  struct {
    uint64_t set, clear, propagation, userns_fd;
  } attr = {0, 0, MS_PRIVATE, 0};
  long result = sys_call5(__NR_mount_setattr, AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof attr);
  errno = static_cast<int>(-result);
  return result == 0;
}

// In a mount namespace of our own already: a tmpfs becomes the root, and everything else is detached. Not by mount(2):
// this is a thread of Node, and a filter may kill a process that calls it.
bool BuildRoot() {
  UniqueFd root = MakeDetached("tmpfs", {{"size", "65536"}, {"nr_inodes", "16"}, {"mode", "0755"}},
                               MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  UniqueFd proc = MakeDetached("proc", {}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  if (!root || !proc || !MakePrivate() || !MoveOnto(root, AT_FDCWD, "/")) return false;
  if (mkdirat(root.get(), "tmp", 0755) < 0 || mkdirat(root.get(), "proc", 0755) < 0) return false;
  if (!MoveOnto(proc, root.get(), "proc") || fchdir(root.get()) < 0) return false;
  if (syscall(SYS_pivot_root, ".", ".") < 0) return false;
  return umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

// The kernel may be short of memory for a moment. For good it can only fail when the process has given up its
// privileges in between.
bool Return(Namespaces *spaces) {
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    if (setns(spaces->host.get(), CLONE_NEWNS) == 0 && fchdir(spaces->root.get()) == 0 && chroot(".") == 0) return true;
    usleep(kPauseMs * 1000);
  }
  spaces->astray = true;
  return false;
}

// The thread comes back to where it was, whatever else fails.
void Make(Namespaces *spaces) {
  spaces->root.reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  spaces->host = OwnNamespace();
  if (!spaces->root || !spaces->host || unshare(CLONE_NEWNS | CLONE_FS) < 0) return;
  UniqueFd small;
  if (BuildRoot()) small = OwnNamespace();
  const int error = errno;
  if (Return(spaces)) spaces->small = std::move(small);
  errno = error;
}

Namespaces &Own() {
  static thread_local Namespaces spaces;
  if (!spaces.tried) Make(&spaces);
  spaces.tried = true;
  return spaces;
}

} // namespace

bool EnterSmallNamespace() {
  const Namespaces &spaces = Own();
  if (!spaces.small) {
    errno = EPERM;
    return false;
  }
  return setns(spaces.small.get(), CLONE_NEWNS) == 0;
}

bool LeaveSmallNamespace() {
  const int error = errno;
  if (!Return(&Own())) return false;
  errno = error;
  return true;
}

bool IsAstray() {
  return Own().astray;
}

} // namespace cofferdam
