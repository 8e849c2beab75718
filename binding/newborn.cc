// See newborn.h, and launch.cc for what happens in the child.
#include "newborn.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "channel.h"
#include "id_map.h"
#include "init_image.h"
#include "small_namespace.h"
#include "step_error.h"
#include "trees.h"

namespace cofferdam {
namespace {

void SendAhead(int channel, const Birthright &right, bool resting) {
  std::vector<UniqueFd> owned;
  std::vector<Loan> trees;
  OpenTrees(right, right.ahead_trees, &owned, &trees);
  const uint32_t flags = resting ? WIRE_AHEAD : 0;
  if (!SendRequest(channel, 0, flags, trees, right.ahead, {}, {true, 0}) && !PeerHasEnded()) FailStep(STEP_CHANNEL, 0);
}

// What a kernel before 5.7 answers to CLONE_INTO_CGROUP, which it does not know. If that has another reason, asking
// without it is answered likewise.
bool MayLackIntoCgroup(long result) {
  return result == -EINVAL || result == -E2BIG;
}

// While the child waits for GO: it is in the group before it executes anything.
void JoinCgroup(int directory, pid_t pid) {
  const std::string text = std::to_string(pid);
  UniqueFd procs(Check(openat(directory, "cgroup.procs", O_WRONLY | O_CLOEXEC), STEP_CGROUP_JOIN, 0));
  if (write(procs.get(), text.data(), text.size()) < 0) FailStep(STEP_CGROUP_JOIN, 0);
}

} // namespace

long Birth::Start(sys_clone_args args, int inits_cgroup) {
  if (inits_cgroup < 0) return launch_.Start(args);
  sys_clone_args born_inside = args;
  born_inside.flags |= CLONE_INTO_CGROUP;
  born_inside.cgroup = static_cast<uint64_t>(inits_cgroup);
  long result = launch_.Start(born_inside);
  if (!MayLackIntoCgroup(result)) return result;
  result = launch_.Start(args);
  if (result > 0) join_ = inits_cgroup;
  return result;
}

Birth::Birth(const Birthright &right, int inits_cgroup, bool resting) {
  UniqueFd theirs;
  launch_.image = Check(InitImage(), STEP_INIT_IMAGE, 0);
  if (!OpenChannel(&newborn_.channel, &theirs)) FailStep(STEP_CHANNEL, 0);
  launch_.channel = theirs.get();
  launch_.capabilities = right.namespaces & CLONE_NEWUSER ? right.init_capabilities : 0;
  launch_.drop_bounding_set = launch_.capabilities && right.no_capabilities;
  sys_clone_args args = {};
  args.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | right.namespaces;
  if (resting && !EnterSmallNamespace()) FailStep(STEP_CLONE, 0);
  long result = Start(args, inits_cgroup);
  const bool astray = resting && !LeaveSmallNamespace();
  const int error = result < 0 ? static_cast<int>(-result) : errno;
  if (result < 0) FailStep(STEP_CLONE, 0, error);
  newborn_.pid = launch_.pid;
  newborn_.pidfd.reset(launch_.pidfd);
  theirs.reset();
  try {
    if (astray) FailStep(STEP_CLONE, 0, error); // every path of this thread means something else now (IsAstray)
    if (join_ >= 0) JoinCgroup(join_, newborn_.pid);
    Release(right);
    if (!right.ahead.empty()) SendAhead(newborn_.channel.get(), right, resting);
  } catch (...) { // also for want of memory
    Abandon(&newborn_.channel, newborn_.pid);
    launch_.WaitForExec();
    throw;
  }
}

// The child waits in LaunchChild until it reads GO.
void Birth::Release(const Birthright &right) {
  if (right.namespaces & CLONE_NEWUSER) WriteIdMaps(newborn_.pid, right);
  WriteClockOffsets(newborn_.pid, right);
  wire_header go = {};
  go.magic = WIRE_MAGIC;
  go.kind = WIRE_GO;
  if (!SendPacket(newborn_.channel.get(), go, nullptr, 0, nullptr, 0, 0)) FailStep(STEP_CHANNEL, 0);
}

void Birth::Join() {
  launch_.WaitForExec();
  if (launch_.error) FailStep(launch_.error_step, 0, launch_.error);
}

void Abandon(UniqueFd *channel, pid_t pid) {
  channel->reset();
  while (waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) {
  }
}

bool PeerHasEnded() {
  return errno == EPIPE || errno == ECONNRESET;
}

} // namespace cofferdam
