// From clone3 to an init that has what it can do ahead: the first part of every sandbox, asked for or kept in stock.
#pragma once

#include <sys/types.h>

#include "cgroup.h"
#include "launch.h"
#include "request.h"
#include "unique_fd.h"

namespace cofferdam {

// An init behind its walls, waiting for the rest of its request.
struct Newborn {
  pid_t pid = -1;
  UniqueFd channel, pidfd;
  UniqueFd network; // a handle to its network namespace, where the stock keeps one
  Leaves leaves;    // those of its command, where a process has been parked in them; otherwise none
};

// One birth, on the calling thread, which must have all signals blocked (launch.h).
class Birth {
public:
  // Clones the child, maps its ids and sends it the ahead part; `resting` tells init that the rest may be long in
  // coming. Does not wait for any of it. Throws StepError with nothing left behind.
  Birth(const Birthright &right, int inits_cgroup, bool resting);
  Birth(const Birth &) = delete;
  // The child is init by then, or gone: it no longer uses our memory.
  ~Birth() { launch_.WaitForExec(); }

  // The child, which is the caller's from now on.
  Newborn Take() { return std::move(newborn_); }

  // Waits until the child has executed init. Throws StepError when it could not.
  void Join();

private:
  long Start(sys_clone_args args, int inits_cgroup);
  void Release(const Birthright &right);

  int join_ = -1; // the group's directory, where the kernel cannot make the child be born in it
  Newborn newborn_;
  Launch launch_;
};

// Ends an init that has not been told everything: it exits when the channel closes, and is reaped here.
void Abandon(UniqueFd *channel, pid_t pid);

// Whether a failed send only means that the peer has ended: then executing init has failed, which Birth knows, or
// booting has, and that report is in the channel.
bool PeerHasEnded();

} // namespace cofferdam
