// Makes /dev with the mount API of 5.2 (fsopen, fsmount): it is in no mount namespace until init moves it; see
// devices.h.
#include "devices.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "detached.h"

namespace cofferdam {
namespace {

bool FillDevices(int directory) {
  static const struct {
    const char *name;
    unsigned minor, major;
  } nodes[] = {{"null", 3, 1}, {"zero", 5, 1}, {"full", 7, 1}, {"random", 8, 1}, {"urandom", 9, 1}, {"tty", 0, 5}};
  static const char *const links[][2] = {{"pts/ptmx", "ptmx"},
                                         {"/proc/self/fd", "fd"},
                                         {"/proc/self/fd/0", "stdin"},
                                         {"/proc/self/fd/1", "stdout"},
                                         {"/proc/self/fd/2", "stderr"}};
  for (const auto &node : nodes) {
    if (mknodat(directory, node.name, S_IFCHR | 0666, makedev(node.major, node.minor)) < 0) return false;
    if (fchmodat(directory, node.name, 0666, 0) < 0) return false; // whatever the umask
  }
  for (const auto &link : links)
    if (symlinkat(link[0], directory, link[1]) < 0) return false;
  for (const char *name : {"pts", "shm", "mqueue"})
    if (mkdirat(directory, name, 0755) < 0 || fchmodat(directory, name, 0755, 0) < 0) return false;
  return true;
}

} // namespace

UniqueFd MakeDevices() {
  UniqueFd mount = MakeDetached("tmpfs", {{"size", "65536"}, {"nr_inodes", "64"}, {"mode", "0755"}},
                                MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
  if (mount && !FillDevices(mount.get())) return UniqueFd();
  return mount;
}

} // namespace cofferdam
