/* Violations: system calls that a command's filter forbids, stopped, named, and answered with the end of its tree.
 *
 * A filter says SECCOMP_RET_USER_NOTIF where a call is a violation (seccomp_unotify(2), Linux 5.0). The kernel stops
 * the calling thread before the call and tells the filter's listener, which is init; init reads number and
 * architecture, notes them, and ends the tree. It never answers. Why not SECCOMP_RET_KILL_PROCESS: that is a death by
 * SIGSYS, which tells nobody the call, which a parent inside may hide from us by reaping its child, and which a program
 * can also send to itself. A listener costs nothing until there is a violation but the making
 * of its descriptor: 2.5 us of the 50 us that installing takes (Linux 6.18).
 *
 * The call is not made in any case. While init does not read (it is stopped, or busy) the thread waits. A fatal signal
 * ends the wait; one with a handler does, too, until init has read: the call is restarted and stopped again
 * (SA_RESTART), or fails with EINTR. That is the one way to try a call without being ended for it: to be interrupted
 * within the microseconds that init needs, and to have gained an EINTR. When init dies its descriptors are closed a
 * moment before the namespace is killed, and without a namespace the program lives on until its cgroup is killed: for a
 * listener that is gone the kernel answers ENOSYS. Nobody says SECCOMP_USER_NOTIF_FLAG_CONTINUE, which alone could let
 * a call pass.
 *
 * How init comes by the listener. It is a descriptor of the process that installs the filter, the filter is the last
 * step before execve, and after it no other call can be counted on: not the sending of a descriptor, nor a wait for
 * somebody to fetch it. So that process shares init's table of descriptors (CLONE_FILES), where the listener then is,
 * and execve gives it a copy of its own without what is CLOEXEC, which is all but 0, 1 and 2. init sleeps meanwhile,
 * and afterwards puts its own 0, 1 and 2 back. The descriptor must be below the command's
 * RLIMIT_NOFILE: FILTER_SLOT is kept for it.
 *
 * One listener per process is all that the kernel allows, so where Node runs under a filter with one there is none for
 * us (EBUSY), nor with a limit of less than five descriptors (EMFILE). Violations then kill by SIGSYS and have no name.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/filter.h>
#include <linux/ioctl.h>
#include <linux/poll.h>
#include <linux/seccomp.h>
#include <linux/time.h>

#include "init.h"

#define RETURN_USER_NOTIF 0x7fc00000u   /* SECCOMP_RET_USER_NOTIF, 5.0 */
#define RETURN_KILL_PROCESS 0x80000000u /* SECCOMP_RET_KILL_PROCESS, 4.14 */
#define FLAG_NEW_LISTENER 8             /* SECCOMP_FILTER_FLAG_NEW_LISTENER, 5.0 */

/* struct seccomp_notif. A later kernel may write more of it, and wants what it will write to be zero. */
struct notice {
  uint64_t id;
  uint32_t pid, flags;
  int32_t number;
  uint32_t architecture;
  uint64_t instruction, arguments[6];
};
#define NOTICE_RECEIVE _IOWR('!', 0, struct notice)

long filter_reserve(void) {
  return sys_call3(__NR_dup3, CHANNEL, FILTER_SLOT, O_CLOEXEC);
}

/* Called by the command's process, in init's memory and with init's descriptors. */
long filter_install(struct sock_fprog *filter, int *listener) {
  long result = sys_call3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, FLAG_NEW_LISTENER, filter);
  if (result >= 0) {
    *listener = (int)result;
    return 0;
  }
  if (result != -EBUSY && result != -EMFILE) return result;
  for (unsigned i = 0; i < filter->len; i++) {
    struct sock_filter *at = &filter->filter[i];
    if (at->code == (BPF_RET | BPF_K) && at->k == RETURN_USER_NOTIF) at->k = RETURN_KILL_PROCESS;
  }
  return sys_call3(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter);
}

/* Makes a descriptor of init's own from what that process has left in the table. */
int filter_collect(int listener) {
  for (int fd = 0; fd < 3; fd++) sys_call3(__NR_dup3, CHANNEL, fd, O_CLOEXEC);
  long kept = -1;
  if (listener >= 0) {
    kept = sys_call3(__NR_fcntl, listener, F_DUPFD_CLOEXEC, FILTER_SLOT + 1);
    if (kept < 0) return listener; /* no descriptor left: it stays, and later filters will be without one */
  }
  filter_reserve();
  return (int)kept;
}

/* Whether the filter of this job has stopped a call; noted in the job if it is the first. */
int violation_read(struct job *job) {
  union {
    struct notice notice;
    uint8_t room[256];
  } buffer = {.room = {0}};
  struct pollfd polled = {job->listener, POLLIN, 0};
  struct __kernel_timespec at_once = {0, 0};
  if (job->listener < 0 || sys_call5(__NR_ppoll, &polled, 1, &at_once, 0, 0) <= 0) return 0;
  if (!(polled.revents & POLLIN)) {
    close_fd(job->listener); /* POLLHUP: nobody is left under the filter */
    job->listener = -1;
    return 0;
  }
  /* Its caller may have been killed since: ENOENT. It does not block, nobody else reads. */
  if (sys_call3(__NR_ioctl, job->listener, NOTICE_RECEIVE, &buffer) < 0) return 0;
  if (!job->cause) {
    job->syscall = buffer.notice.number;
    job->architecture = buffer.notice.architecture;
  }
  return 1;
}
