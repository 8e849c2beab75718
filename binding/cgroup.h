// Control groups: one group directory per process and hierarchy, in it one leaf per command.
//
//   <base>/cofferdam.<pid>.<hex>/        the group; made when first needed, removed 250 ms after its last leaf
//                                init/   v2 only: where every init of this process lives, so that none of them counts
//                                        against a command's limits or figures
//                                1/ 2/   leaves: the command and its descendants, nobody else
// Limits are written before the command exists. A janitor process (init/janitor.c) knows the groups and removes them
// when this process dies without doing so. All functions are thread-safe; the state is per process, not per
// environment, because the kernel's objects are.
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "channel.h"
#include "request.h"

namespace cofferdam {

// The leaves of one command, one per hierarchy of the request, in that order. Removed by RemoveLeaves.
struct Leaves {
  std::vector<std::string> paths;
  std::vector<std::vector<CgroupFile>> stats;
  UniqueFd first_stat; // the first of all these files, once OpenStat has been called
};

// The groups of a request, made if they are missing, and kept from being swept while this lives.
class GroupHold {
public:
  GroupHold() = default;                                                             // holds nothing
  GroupHold(const Birthright &right, const std::vector<HierarchySpec> &hierarchies); // throws StepError
  GroupHold(const GroupHold &) = delete;
  GroupHold(GroupHold &&other) noexcept { *this = std::move(other); }
  GroupHold &operator=(GroupHold &&other) noexcept {
    std::swap(keys_, other.keys_);
    std::swap(inits_, other.inits_);
    return *this;
  }
  ~GroupHold() { Release(std::uncaught_exceptions() > 0); }

  // Something has failed: a group that somebody has removed is made anew for whoever comes next.
  void Suspect();

  int inits() const {
    return inits_ ? inits_->get() : -1;
  } // the v2 directory for init to be born in, open while held; or -1

private:
  void Release(bool failed);

  std::vector<std::string> keys_;
  std::shared_ptr<UniqueFd> inits_; // of our own: the group may be made anew meanwhile
};

// What a command's leaves are made from.
struct LeafSpec {
  const Birthright &right;
  const std::vector<HierarchySpec> &hierarchies;
  bool several; // the box has other commands, or no pid namespace with which the tree would end
};

// Makes the leaves and writes the limits; the groups must be held. What is opened for init goes to *owned and *loans.
// On StepError, what was made stays in *leaves for RemoveLeaves.
void MakeLeaves(const LeafSpec &spec, Leaves *leaves, std::vector<UniqueFd> *owned, std::vector<Loan> *loans);

// Opens the figures that nearly every command has, ahead of the moment when its result is waited for. Best effort.
void OpenStat(Leaves *leaves);

// The texts of the request's HOST_STAT files, in order; "" where one cannot be read.
std::vector<std::string> ReadStats(const Leaves &leaves);

// Removes empty leaves; false while one is still populated (EBUSY).
bool RemoveLeaves(Leaves *leaves);

// Kills all that is in them, where there is cgroup.kill.
void KillLeaves(const Leaves &leaves);

// Removes groups that had no leaf for 250 ms, and dismisses the janitor with the last one. Returns milliseconds until
// it wants to be called again, -1 for never. `now` removes them without the wait.
int SweepGroups(bool now);

// Claims a directory that must not outlive its sandbox; the janitor removes it if this process dies. Overlay's work
// directory serves one mount at a time: while another sandbox has it, waits a moment for its teardown, then gives up.
bool ClaimDirectory(const std::string &path);
void ReleaseDirectory(const std::string &path);

} // namespace cofferdam
