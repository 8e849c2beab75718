// See small_namespace.h. One namespace per thread that asks; the stock's is the only one.
#include "small_namespace.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "init/sys.h"
#include "unique_fd.h"

namespace cofferdam {
namespace {

struct Namespaces {
  UniqueFd small, host; // mount namespaces
  UniqueFd root;        // "/" as the process sees it, which may be a chroot
  bool tried = false;
};

UniqueFd OwnNamespace() {
  return UniqueFd(open("/proc/thread-self/ns/mnt", O_RDONLY | O_CLOEXEC));
}

// In a mount namespace of our own already: a tmpfs becomes the root, and everything else is detached. Mounted over "/"
// it can be named by "/..", which is followed into what is mounted there.
bool BuildRoot() {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0) return false;
  if (mount("tmpfs", "/", "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,nr_inodes=16,mode=0755") < 0) return false;
  if (chdir("/..") < 0 || mkdir("tmp", 0755) < 0 || mkdir("proc", 0755) < 0) return false;
  if (mount("proc", "proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) < 0) return false;
  if (syscall(SYS_pivot_root, ".", ".") < 0) return false;
  return umount2(".", MNT_DETACH) == 0 && chdir("/") == 0;
}

bool Return(const Namespaces &spaces) {
  return setns(spaces.host.get(), CLONE_NEWNS) == 0 && fchdir(spaces.root.get()) == 0 && chroot(".") == 0;
}

// The thread comes back to where it was, whatever fails.
void Make(Namespaces *spaces) {
  spaces->root.reset(open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
  spaces->host = OwnNamespace();
  if (!spaces->root || !spaces->host || unshare(CLONE_NEWNS | CLONE_FS) < 0) return;
  UniqueFd small;
  if (BuildRoot()) small = OwnNamespace();
  const int error = errno;
  if (Return(*spaces)) spaces->small = std::move(small);
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
  if (!Return(Own())) return false;
  errno = error;
  return true;
}

} // namespace cofferdam
