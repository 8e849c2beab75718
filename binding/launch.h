// Launch: from clone3 to execveat of init, in a child that shares this process's memory until then.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "init/sys.h"
#include "init/wire.h"

namespace cofferdam {

// One launch. It must outlive WaitForExec, because the child reads it. Signals must be blocked in the calling thread,
// or a handler of Node's could run in the child, in our memory.
struct Launch {
  int image = -1;   // init's program, 10 or more
  int channel = -1; // theirs, 10 or more: becomes the child's descriptor 3
  const char *name = "init";
  bool wait_for_go = true;        // read one packet from the channel before executing
  uint64_t capabilities = 0;      // to raise as ambient ones: the child's id is not mapped, or is not 0
  bool drop_bounding_set = false; // together with `capabilities`: what the command may not keep, init need not offer

  pid_t pid = -1;
  int pidfd = -1;         // with CLONE_PIDFD; owned by the caller
  volatile int error = 0; // errno of what failed in the child, after WaitForExec
  volatile uint32_t error_step = STEP_EXEC_INIT;

  // clone3 with the given flags, plus CLONE_VM and a stack of its own. Returns the pid or -errno.
  long Start(sys_clone_args args);

  // Returns when the child has executed or exited: when it no longer uses our memory.
  void WaitForExec();

private:
  volatile int32_t sharing_ = 0; // the kernel sets it to 0 and wakes us (CLONE_CHILD_CLEARTID)
  void *stack_ = nullptr;
  friend int LaunchChild(void *argument);
};

} // namespace cofferdam
