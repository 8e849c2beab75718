// See detached.h.
#include "detached.h"

#include <linux/mount.h>

#include <cerrno>

#include "init/sys.h"

namespace cofferdam {
namespace {

int Result(long value) {
  if (value >= 0) return static_cast<int>(value);
  errno = static_cast<int>(-value);
  return -1;
}

} // namespace

UniqueFd MakeDetached(const char *type, std::initializer_list<std::pair<const char *, const char *>> options,
                      uint64_t attributes) {
  UniqueFd context(Result(sys_call2(__NR_fsopen, type, FSOPEN_CLOEXEC)));
  if (!context) return context;
  for (const auto &[name, value] : options)
    if (Result(sys_call5(__NR_fsconfig, context.get(), FSCONFIG_SET_STRING, name, value, 0)) < 0) return UniqueFd();
  if (Result(sys_call5(__NR_fsconfig, context.get(), FSCONFIG_CMD_CREATE, 0, 0, 0)) < 0) return UniqueFd();
  return UniqueFd(Result(sys_call3(__NR_fsmount, context.get(), FSMOUNT_CLOEXEC, attributes)));
}

bool MoveOnto(const UniqueFd &mount, int directory, const char *path) {
  return Result(sys_call5(__NR_move_mount, mount.get(), "", directory, path, MOVE_MOUNT_F_EMPTY_PATH)) == 0;
}

} // namespace cofferdam
