// Theory of operation.
//
// A fork of Node copies page tables in proportion to its heap, with mmap_sem held: tens of milliseconds per GiB. So the
// child is made with CLONE_VM, as vfork does, but without CLONE_VFORK: this thread must go on, to write the child's id
// maps. Between clone3 and execveat the child therefore runs in Node's memory beside Node's threads, any of which may
// hold any lock. Hence the fence below: after it only LaunchChild runs in the child, on a stack of its own, with
// prepared data and raw system calls; no allocation, no libc, no errno, no C++ runtime. It waits for one packet on the
// channel (or end of file: Node has died, and so must it), puts the channel at descriptor 3, and executes init from a
// sealed memfd; the kernel then gives it an address space of its own. Nothing untrusted ever runs in ours.
//
// CLONE_CHILD_CLEARTID tells when the sharing is over: the kernel clears the word and wakes the futex in mm_release(),
// on execve as on exit. Only then may the stack be used again.
#include "launch.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <linux/prctl.h>
#include <signal.h>
#include <sys/mman.h>

#include <cerrno>

#include "init/wire.h"

namespace cofferdam {
namespace {

constexpr size_t kStackSize = 16384;
constexpr int kInitChannel = 3;

// One stack per thread, kept: a thread launches one child at a time.
thread_local bool stack_in_use = false;

struct ThreadStack {
  void *memory = MAP_FAILED;
  ~ThreadStack() {
    if (memory != MAP_FAILED) munmap(memory, kStackSize);
  }
  void *Get() {
    if (memory == MAP_FAILED)
      memory = mmap(nullptr, kStackSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
  }
};

// ---- fence: from here on, in the child, in Node's memory
// --------------------------------------------------------------

// execve drops the capabilities of a process whose id in its user namespace is not 0, unless they are ambient
// (capabilities(7)). EINVAL ends the loop: the kernel knows no higher one.
__attribute__((no_sanitize("address", "thread", "undefined"))) long KeepCapabilities(uint64_t wanted) {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct sets[2];
  long result = sys_call2(__NR_capget, &header, sets);
  if (result < 0) return result;
  for (auto &set : sets) set.inheritable = set.permitted;
  result = sys_call2(__NR_capset, &header, sets);
  for (int capability = 0; capability < 64 && result >= 0; capability++) {
    if (!(wanted >> capability & 1)) continue;
    result = sys_call5(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0);
    if (result == -EINVAL) return 0;
  }
  return result;
}

// Ambient capabilities pass execve whatever the bounding set is, so init keeps its own, and no command of it can gain
// any.
__attribute__((no_sanitize("address", "thread", "undefined"))) long DropBoundingSet() {
  for (int capability = 0; capability < 64; capability++) {
    long result = sys_call5(__NR_prctl, PR_CAPBSET_DROP, capability, 0, 0, 0);
    if (result < 0) return result == -EINVAL ? 0 : result;
  }
  return 0;
}

// close_range(2) came with 5.9, and filters of container runtimes that are older answer EPERM to it. Then what /proc
// lists is closed; where that cannot be read nothing is started, for descriptors of Node's would be inherited. A
// descriptor's number is its place in the listing, so that closing those that were read disturbs nothing.
__attribute__((no_sanitize("address", "thread", "undefined"))) long CloseListed(unsigned low, unsigned high) {
  struct Entry {
    uint64_t inode, offset;
    unsigned short size;
    unsigned char type;
    char name[];
  };
  alignas(8) char buffer[1024] = {};
  const long directory = sys_call4(__NR_openat, AT_FDCWD, "/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (directory < 0) return -ENOSYS;
  long size;
  while ((size = sys_call3(__NR_getdents64, directory, buffer, sizeof buffer)) > 0) {
    for (long at = 0; at < size;) {
      const Entry *entry = reinterpret_cast<const Entry *>(buffer + at);
      at += entry->size;
      unsigned fd = 0;
      for (const char *digit = entry->name; *digit >= '0' && *digit <= '9'; digit++)
        fd = fd * 10 + static_cast<unsigned>(*digit - '0');
      if (fd >= 3 && fd != low && fd != high && fd != static_cast<unsigned>(directory)) sys_call1(__NR_close, fd);
    }
  }
  sys_call1(__NR_close, directory);
  return size;
}

__attribute__((no_sanitize("address", "thread", "undefined"))) long CloseAllBut(unsigned low, unsigned high) {
  long result = sys_call3(__NR_close_range, 3, low - 1, 0);
  if (result == -ENOSYS || result == -EPERM) return CloseListed(low, high);
  if (result >= 0 && high > low + 1) result = sys_call3(__NR_close_range, low + 1, high - 1, 0);
  if (result >= 0) result = sys_call3(__NR_close_range, high + 1, ~0u, 0);
  return result;
}

// Node ignores SIGPIPE, and what started it may have ignored others: an ignored signal survives CLONE_CLEAR_SIGHAND and
// execve (signal(7)), so every disposition is set back here. All signals stay blocked until the command is executed.
__attribute__((no_sanitize("address", "thread", "undefined"))) void ResetSignals() {
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long mask;
  } action = {nullptr, 0, nullptr, 0};
  for (int signal = 1; signal <= 64; signal++)
    if (signal != SIGKILL && signal != SIGSTOP) sys_call4(__NR_rt_sigaction, signal, &action, 0, sizeof action.mask);
}

} // namespace

__attribute__((no_sanitize("address", "thread", "undefined"))) int LaunchChild(void *argument) {
  Launch *launch = static_cast<Launch *>(argument);
  const char *argv[] = {launch->name, nullptr};
  const char *envp[] = {nullptr};
  // Only what is needed stays open: a copy of any channel's other end, of our own first of all, would keep its init
  // from seeing end of file, and two children that wait for GO could keep each other for ever.
  const unsigned channel = static_cast<unsigned>(launch->channel), image = static_cast<unsigned>(launch->image);
  const unsigned low = channel < image ? channel : image, high = channel < image ? image : channel;
  long result = CloseAllBut(low, high);
  // What needs no id map is done while the parent writes it.
  ResetSignals();
  // A session keyring of its own. Without keyrings, or where an outer filter forbids them, there is none to inherit.
  const long keyring = sys_call5(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
  const bool absent = keyring == -ENOSYS || keyring == -EOPNOTSUPP || keyring == -EPERM || keyring == -EACCES;
  if (result >= 0 && keyring < 0 && !absent) {
    result = keyring;
    launch->error_step = STEP_SESSION;
  }
  if (result >= 0 && launch->capabilities) result = KeepCapabilities(launch->capabilities);
  if (result >= 0 && launch->drop_bounding_set) result = DropBoundingSet();
  if (launch->wait_for_go) {
    wire_header header = {};
    long size;
    do size = sys_call3(__NR_read, launch->channel, &header, sizeof header);
    while (size == -EINTR);
    if (size != static_cast<long>(sizeof header) || header.kind != WIRE_GO) return 1;
  }
  if (result >= 0) result = sys_call3(__NR_dup3, launch->channel, kInitChannel, 0);
  if (result >= 0) result = sys_call5(__NR_execveat, launch->image, "", argv, envp, AT_EMPTY_PATH);
  launch->error = static_cast<int>(-result);
  return 1;
}

// ---- end of the fence ---------------------------------------------------------------------------------------------

long Launch::Start(sys_clone_args args) {
  static thread_local ThreadStack stack;
  if (stack_in_use) return -EBUSY; // by the child of a launch that has not been waited for
  stack_ = stack.Get();
  if (!stack_) return -ENOMEM;
  sharing_ = 1;
  args.flags |= CLONE_VM | CLONE_CHILD_CLEARTID;
  args.child_tid = reinterpret_cast<uint64_t>(&sharing_);
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
  args.stack = reinterpret_cast<uint64_t>(stack_);
  args.stack_size = kStackSize;
  long result = sys_clone3_call(&args, LaunchChild, this);
  if (result == -EINVAL && args.flags & CLONE_CLEAR_SIGHAND) {
    // Before 5.5. Nothing is lost: the child's signals are blocked, and it sets every disposition back itself.
    args.flags &= ~static_cast<uint64_t>(CLONE_CLEAR_SIGHAND);
    const long again = sys_clone3_call(&args, LaunchChild, this);
    if (again > 0) result = again;
  }
  if (result > 0) pid = static_cast<pid_t>(result);
  stack_in_use = result > 0;
  return result;
}

void Launch::WaitForExec() {
  while (sharing_) sys_call6(__NR_futex, reinterpret_cast<long>(&sharing_), FUTEX_WAIT, 1, 0, 0, 0);
  stack_in_use = false;
}

} // namespace cofferdam
