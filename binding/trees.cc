// open_tree(OPEN_TREE_CLONE, 5.2) and mount_setattr (5.12) for init; see trees.h.
//
// init itself could not do this: once in its user namespace it may neither pass through directories that only the
// caller may search, nor idmap a mount of the host's. A lent mount belongs to no mount namespace until init moves it
// into its own; nothing of it is visible on the host.
#include "trees.h"

#include <fcntl.h>
#include <linux/mount.h>

#include <cerrno>

#include "devices.h"
#include "id_map.h"
#include "init/sys.h"
#include "step_error.h"

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

namespace cofferdam {
namespace {

long SetAttributes(int mount, const TreeSpec &tree, int id_map) {
  // Private: the copy of a shared mount is a peer of it, so that what init mounts below would appear on the host.
  struct {
    uint64_t set, clear, propagation, userns_fd;
  } attr = {tree.attrs, 0, MS_PRIVATE, 0};
  if (id_map >= 0) {
    attr.set |= MOUNT_ATTR_IDMAP;
    attr.userns_fd = static_cast<uint64_t>(id_map);
  }
  int flags = AT_EMPTY_PATH | (tree.flags & WIRE_TREE_RECURSIVE ? AT_RECURSIVE : 0);
  return sys_call5(__NR_mount_setattr, mount, "", flags, &attr, sizeof attr);
}

UniqueFd OpenMount(const TreeSpec &tree, uint32_t step) {
  if (tree.flags & WIRE_TREE_DEVICES) {
    UniqueFd devices = MakeDevices();
    if (!devices) FailStep(step, tree.index);
    return devices;
  }
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (tree.flags & WIRE_TREE_RECURSIVE ? AT_RECURSIVE : 0);
  long result = sys_call3(__NR_open_tree, AT_FDCWD, tree.path.c_str(), flags);
  if (result < 0) FailStep(step, tree.index, static_cast<int>(-result));
  return UniqueFd(static_cast<int>(result));
}

UniqueFd OpenTree(const Birthright &request, const TreeSpec &tree, uint32_t step) {
  UniqueFd mount = OpenMount(tree, step);
  int id_map = tree.flags & WIRE_TREE_ID_MAPPED ? IdMapNamespace(request) : -1;
  long result = SetAttributes(mount.get(), tree, id_map);
  // File systems and kernels without idmapped mounts: owners then show as nobody, and nothing is allowed that would
  // not be otherwise. EPERM is also what an already idmapped mount answers.
  if (id_map >= 0 && (result == -EINVAL || result == -EPERM || result == -EOPNOTSUPP))
    result = SetAttributes(mount.get(), tree, -1);
  if (result < 0) FailStep(step, tree.index, static_cast<int>(-result));
  return mount;
}

} // namespace

void OpenTrees(const Birthright &request, const std::vector<TreeSpec> &trees, std::vector<UniqueFd> *owned,
               std::vector<Loan> *loans) {
  for (const TreeSpec &tree : trees) {
    try {
      UniqueFd mount = OpenTree(request, tree, tree.flags & WIRE_TREE_LAYER ? STEP_LAYER : STEP_BIND_SOURCE);
      loans->push_back({ROLE_TREE << 16 | tree.number, mount.get()});
      owned->push_back(std::move(mount));
    } catch (const StepError &error) {
      if (!tree.optional || error.error != ENOENT) throw;
    }
  }
}

} // namespace cofferdam
