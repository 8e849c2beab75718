/* Supervision: the only loop of init. Requests and KILL come in on the channel, SIGCHLD through a signalfd, and the
 * nearest deadline of any job is the poll's time-out; so limits hold whatever Node's event loop is doing. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/poll.h>
#include <linux/resource.h>
#include <linux/signal.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/wait.h>

#include "init.h"

#define CPU_CHECK_MIN_NS 1000000u /* CPU accounting itself moves in ticks of 1-10 ms */

static uint8_t packet[sizeof(struct wire_header) + WIRE_INLINE_MAX] __attribute__((aligned(8)));
static struct job jobs[JOBS_MAX];
static int is_box; /* READY has been told: a request that cannot be served fails alone */

/* Without cgroup.kill the job is the only one, for else its tree could not be told from another's (src/box.ts). */
static void kill_tree(struct job *job) {
  if (job->kill_fd >= 0)
    sys_call3(__NR_write, job->kill_fd, "1", 1);
  else if (pid_namespace)
    sys_call2(__NR_kill, -1, SIGKILL);
  else
    sys_call2(__NR_kill, -job->pid, SIGKILL);
}

/* PID 1's exit makes the kernel kill and reap the rest of its namespace before anyone sees it gone. Without one, the
 * orphans have become our children (subreaper), and the leaf's cgroup.kill reaches those that have not. */
static void __attribute__((noreturn)) leave(int status) {
  for (int i = 0; i < JOBS_MAX; i++)
    if (jobs[i].pid) kill_tree(&jobs[i]);
  if (!pid_namespace)
    while (sys_call4(__NR_wait4, -1, 0, __WALL, 0) > 0) {
    }
  for (;;) sys_call1(__NR_exit_group, status);
}

/* Somebody would wait for it for ever: that init ends is a report, too. */
static void send_event_with(struct wire_event *event, int pid, int fd) {
  if (channel_send(event, pid, fd) < 0) leave(1);
}

static void send_event(struct wire_event *event) {
  send_event_with(event, 0, -1);
}

static void send_failure(const struct failure *failure, uint32_t id) {
  struct wire_event event = {.kind = WIRE_FAILED,
                             .id = id,
                             .phase = failure->phase,
                             .step = failure->step,
                             .index = failure->index,
                             .error = failure->error};
  send_event(&event);
}

static uint64_t cpu_time_ns(const struct job *job) {
  static const char key[] = "usage_usec ";
  char buffer[512];
  long size = sys_call4(__NR_pread64, job->cpu_fd, buffer, sizeof buffer - 1, 0);
  if (size <= 0) return 0;
  buffer[size] = 0;
  if (job->cpu_clock == WIRE_CPUACCT_USAGE) return text_number(buffer);
  for (const char *at = buffer; *at; at++) {
    unsigned i = 0;
    while (key[i] && at[i] == key[i]) i++;
    if (!key[i]) return text_number(at + i) * 1000u;
  }
  return 0;
}

static void end_job(struct job *job, uint32_t cause) {
  if (!job->cause) job->cause = cause;
  kill_tree(job);
}

/* Enforces what is due and returns when to look again: the CPU limit cannot be reached before all the processors that
 * the tree may use have run for the rest of it. */
static uint64_t watch_job(struct job *job, uint64_t now) {
  uint64_t next = ~0ull;
  if (job->wall_deadline_ns) {
    if (now >= job->wall_deadline_ns) {
      end_job(job, CAUSE_WALL);
      job->wall_deadline_ns = 0;
    } else {
      next = job->wall_deadline_ns;
    }
  }
  if (job->cpu_fd < 0 || !job->cpu_limit_ns) return next;
  if (now >= job->cpu_check_ns) {
    uint64_t used = cpu_time_ns(job);
    if (used >= job->cpu_limit_ns) {
      end_job(job, CAUSE_CPU);
      job->cpu_limit_ns = 0;
      return next;
    }
    uint64_t pause = (job->cpu_limit_ns - used) / (job->parallelism ? job->parallelism : 100u) * 100u;
    job->cpu_check_ns = now + (pause > CPU_CHECK_MIN_NS ? pause : CPU_CHECK_MIN_NS);
  }
  return job->cpu_check_ns < next ? job->cpu_check_ns : next;
}

uint64_t watch_jobs(void) {
  uint64_t now = now_ns(), next = ~0ull;
  for (int i = 0; i < JOBS_MAX; i++)
    if (jobs[i].pid) {
      uint64_t due = watch_job(&jobs[i], now);
      if (due < next) next = due;
    }
  return next;
}

static uint64_t microseconds(const struct __kernel_old_timeval *time) {
  return (uint64_t)time->tv_sec * 1000000u + (uint64_t)time->tv_usec;
}

static void report_exit(struct job *job, int status, const struct rusage *usage) {
  /* A child's violation that came just before this end is still the reason to tell. */
  if (!job->cause && violation_read(job)) job->cause = CAUSE_SECCOMP;
  struct wire_event event = {
      .kind = WIRE_EXITED,
      .id = job->id,
      .status = status,
      .cause = job->cause,
      .syscall = job->syscall,
      .architecture = job->architecture,
      .wall_ns = now_ns() - job->started_ns,
      .user_us = microseconds((const struct __kernel_old_timeval *)&usage->ru_utime),
      .system_us = microseconds((const struct __kernel_old_timeval *)&usage->ru_stime),
      .max_rss_kib = (uint64_t)usage->ru_maxrss,
      .major_faults = (uint64_t)usage->ru_majflt,
      .voluntary_switches = (uint64_t)usage->ru_nvcsw,
      .involuntary_switches = (uint64_t)usage->ru_nivcsw,
      .in_blocks = (uint64_t)usage->ru_inblock,
      .out_blocks = (uint64_t)usage->ru_oublock,
  };
  send_event(&event);
  if (job->last) leave(0);
  kill_tree(job);
  close_fd(job->kill_fd);
  close_fd(job->cpu_fd);
  close_fd(job->listener);
  job->pid = 0;
}

static void reap(void) {
  struct rusage usage = {0};
  int status = 0;
  long pid;
  while ((pid = sys_call4(__NR_wait4, -1, &status, WNOHANG | __WALL, &usage)) > 0) {
    if (is_parked(pid)) leave(1); /* somebody has killed it: a box that cannot start its next command is no use */
    for (int i = 0; i < JOBS_MAX; i++)
      if (jobs[i].pid == pid) report_exit(&jobs[i], status, &usage);
  }
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static void start_job(uint32_t id, const void *records, uint32_t size, uint32_t flags) {
  struct failure failure;
  int slot = 0;
  while (slot < JOBS_MAX && jobs[slot].pid) slot++;
  if (slot == JOBS_MAX) {
    failure = (struct failure){.phase = PHASE_EXEC, .step = STEP_START, .error = EAGAIN};
    send_failure(&failure, id);
    return;
  }
  struct job *job = &jobs[slot];
  *job = (struct job){.id = id, .kill_fd = -1, .cpu_fd = -1, .listener = -1, .terminal = -1};
  exec_run(records, size, flags & WIRE_SEATED, job, &failure);
  if (failure.error) {
    int last = job->last;
    *job = (struct job){0};
    send_failure(&failure, id);
    if (last) leave(1);
    return;
  }
  /* Its credentials name another process, for which the kernel wants a capability. */
  struct wire_event event = {.kind = WIRE_STARTED, .id = id, .pid = pid_namespace ? 0 : (uint32_t)job->pid};
  if (!(flags & WIRE_SILENT)) send_event_with(&event, pid_namespace ? job->pid : 0, job->terminal);
  close_fd(job->terminal);
  long result = job->last ? keep_capabilities(1ull << CAP_KILL) : 0; /* what is left to do is to end it */
  if (result >= 0) return;
  failure = (struct failure){.phase = PHASE_EXEC, .step = STEP_CAPABILITIES, .error = (int32_t)-result};
  send_failure(&failure, id);
  leave(1);
}

/* Body: roles, boot records, exec records. */
static void serve_request(const struct wire_header *header, const uint8_t *body, uint64_t size) {
  struct failure failure = {.phase = PHASE_BOOT, .step = STEP_PLAN, .error = EBADMSG};
  uint64_t roles = 4ull * header->fd_count;
  int count = lent.count - (lent.count > (int)header->fd_count); /* the body's own memfd has no role in the list */
  if (header->fd_count != (uint32_t)count || roles + header->boot_size + header->exec_size != size) {
    if (header->fd_count != (uint32_t)count) failure.error = EMFILE; /* the kernel drops what it cannot install */
    send_failure(&failure, header->id);
    if (is_box) return;
    leave(1);
  }
  struct wire_reader reader = wire_read(body, (uint32_t)roles);
  for (int i = 0; i < count; i++) lent.roles[i] = wire_u32(&reader);
  if (header->boot_size) {
    boot_run(body + roles, header->boot_size, &failure);
    if (failure.error) {
      send_failure(&failure, header->id);
      leave(1);
    }
    if (header->a & WIRE_AHEAD) boot_rest();
  }
  if (header->a & WIRE_PARK) {
    park(body + roles + header->boot_size, header->exec_size, &failure);
    if (failure.error) {
      send_failure(&failure, header->id);
      leave(1);
    }
  } else if (header->exec_size) {
    start_job(header->id, body + roles + header->boot_size, header->exec_size, header->a);
  } else if (!header->b) {
    is_box = 1;
    struct wire_event event = {.kind = WIRE_READY, .id = header->id};
    send_event(&event);
  }
}

/* A body too large for one packet: the last descriptor is a sealed memfd that holds it. */
static void serve_mapped(const struct wire_header *header) {
  struct statx st = {0};
  /* The kernel drops what it cannot install, the last one first. */
  int fd = lent.count > 0 && (uint32_t)lent.count - 1 == header->fd_count ? lent.fds[lent.count - 1] : -1;
  long result = fd < 0 ? -EMFILE : sys_call5(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_SIZE, &st);
  long map =
      result < 0 ? result : sys_call6(__NR_mmap, 0, (long)st.stx_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  if (map < 0 && map > -4096) {
    struct failure failure = {.phase = PHASE_BOOT, .step = STEP_PLAN, .error = (int32_t)-map};
    send_failure(&failure, header->id);
    if (is_box) return;
    leave(1);
  }
  serve_request(header, (const uint8_t *)map, st.stx_size);
  sys_call2(__NR_munmap, map, st.stx_size);
}

static void kill_job(const struct wire_header *header) {
  for (int i = 0; i < JOBS_MAX; i++) {
    if (!jobs[i].pid || jobs[i].id != header->id) continue;
    if (header->b)
      end_job(&jobs[i], header->b);
    else
      sys_call2(__NR_kill, jobs[i].pid, header->a);
  }
}

static void serve_channel(void) {
  const long size = channel_receive(packet, sizeof packet);
  if (size == -EINTR || size == -EAGAIN) return;
  const struct wire_header *header = (const struct wire_header *)packet;
  if (size < (long)sizeof *header || header->magic != WIRE_MAGIC) leave(0); /* Node is gone */
  if (header->kind == WIRE_KILL) kill_job(header);
  if (header->kind != WIRE_REQUEST) return;
  if (header->a & WIRE_BOUNDING_SET_EMPTY) bounding_set_empty = 1;
  if (header->a & WIRE_MAPPED)
    serve_mapped(header);
  else
    serve_request(header, packet + sizeof *header, (uint64_t)size - sizeof *header);
  lent_close();
}

static void read_violations(void) {
  for (int i = 0; i < JOBS_MAX; i++)
    if (jobs[i].pid && violation_read(&jobs[i])) end_job(&jobs[i], CAUSE_SECCOMP);
}

static long open_signals(void) {
  uint64_t mask = 1ull << (SIGCHLD - 1);
  return sys_call4(__NR_signalfd4, -1, &mask, sizeof mask, O_CLOEXEC | O_NONBLOCK);
}

/* A limit on our descriptors below the number of those polled makes ppoll fail (EINVAL). Who could set it is kept from
 * it elsewhere; should it happen all the same, what there is to be read is read now and then. */
static unsigned look_everywhere(struct pollfd *polled, unsigned count) {
  const struct __kernel_timespec pause = {0, 10000000};
  sys_call2(__NR_nanosleep, &pause, 0);
  for (unsigned i = 0; i < count; i++) polled[i].revents = POLLIN;
  return count;
}

/* Without one of these init could not do its work, or not behind its walls. */
static long prepare(void) {
  long result = filter_reserve();
  return result < 0 ? result : open_signals();
}

void supervise(long prepared) {
  static struct pollfd polled[2 + JOBS_MAX];
  const long signal_fd = prepared < 0 ? prepared : prepare();
  if (signal_fd < 0) {
    struct failure failure = {.phase = PHASE_HOST, .step = STEP_EXEC_INIT, .error = (int32_t)-signal_fd};
    send_failure(&failure, 0);
    leave(1);
  }
  polled[0] = (struct pollfd){CHANNEL, POLLIN, 0};
  polled[1] = (struct pollfd){(int)signal_fd, POLLIN, 0};
  uint8_t signals[128 * 4];
  for (;;) {
    uint64_t next = watch_jobs(), now = now_ns(), left = next > now ? next - now : 0;
    unsigned count = 2;
    for (int i = 0; i < JOBS_MAX; i++)
      if (jobs[i].pid && jobs[i].listener >= 0) polled[count++] = (struct pollfd){jobs[i].listener, POLLIN, 0};
    struct __kernel_timespec timeout = {(long long)(left / 1000000000u), (long long)(left % 1000000000u)};
    long ready = sys_call5(__NR_ppoll, polled, count, next == ~0ull ? 0 : &timeout, 0, 0);
    if (ready < 0 && ready != -EINTR) ready = (long)look_everywhere(polled, count);
    if (ready <= 0) continue;
    while (count > 2)
      if (polled[--count].revents) read_violations();
    if (polled[1].revents) {
      sys_call3(__NR_read, polled[1].fd, signals, sizeof signals);
      reap();
    }
    if (polled[0].revents) serve_channel();
  }
}
