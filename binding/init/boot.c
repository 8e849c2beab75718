/* Boot: the records of the boot section, carried out in order by one switch. The first failure ends it. */
#include <linux/capability.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/if.h>
#include <linux/in.h>
#include <linux/net.h>
#include <linux/prctl.h>
#include <linux/sockios.h>

#include "init.h"
#include "mounts.h"

static struct source read_source(struct wire_reader *payload) {
  struct source source;
  source.tree = wire_u32(payload);
  source.path = wire_string(payload);
  source.tree_flags = wire_u32(payload);
  source.attrs = wire_u32(payload);
  return source;
}

/* The addon's child came through execve with ambient capabilities, because its id was not mapped yet; as id 0 of the
 * namespace init keeps them without. */
static long become(uint32_t uid, uint32_t gid) {
  long result = sys_call2(__NR_setgroups, 0, 0);
  if (result == -EPERM) result = 0; /* an unprivileged user namespace denies it (user_namespaces(7)) */
  if (result >= 0) result = sys_call3(__NR_setresgid, gid, gid, gid);
  if (result >= 0) result = sys_call3(__NR_setresuid, uid, uid, uid);
  return result;
}

/* In a namespace that was made ahead it is up already, and we have no right to touch it. */
static long loopback_up(void) {
  long fd = sys_call3(__NR_socket, 2 /* AF_INET */, 2 /* SOCK_DGRAM */ | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  struct ifreq request = {.ifr_name = "lo"};
  long result = sys_call3(__NR_ioctl, fd, SIOCGIFFLAGS, &request);
  if (result >= 0 && !(request.ifr_flags & IFF_UP)) {
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    result = sys_call3(__NR_ioctl, fd, SIOCSIFFLAGS, &request);
  }
  close_fd((int)fd);
  return result;
}

static long enter_chroot(const char *directory) {
  long result = sys_call1(__NR_chroot, directory);
  return result < 0 ? result : sys_call1(__NR_chdir, "/");
}

/* Signals, scheduling and limits go by the three ids, files and cgroups by the fourth (credentials(7)). Effective
 * capabilities are lost with the effective id 0, permitted ones are kept on request. */
static long shield(uint32_t uid) {
  long files = sys_call1(__NR_setfsuid, -1);
  long result = sys_call5(__NR_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (result >= 0) result = sys_call3(__NR_setresuid, uid, uid, uid);
  sys_call5(__NR_prctl, PR_SET_KEEPCAPS, 0, 0, 0, 0);
  if (result >= 0) result = keep_capabilities(~0ull);
  if (result < 0) return result;
  sys_call1(__NR_setfsuid, files);
  return sys_call1(__NR_setfsuid, -1) == files ? 0 : -EPERM;
}

static long lose_pid_namespace(void) {
  pid_namespace = 0;
  return sys_call5(__NR_prctl, PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* Identity, names and network: what is not a mount. */
static long run_plain(uint16_t op, struct wire_reader *p, uint32_t *step) {
  uint32_t number;
  const char *name;
  switch (op) {
  case BOOT_IDENTITY:
    *step = STEP_IDENTITY;
    number = wire_u32(p);
    return become(number, wire_u32(p));
  case BOOT_HOSTNAME:
    *step = STEP_HOSTNAME;
    name = wire_string(p);
    return sys_call2(__NR_sethostname, name, text_length(name));
  case BOOT_LOOPBACK: *step = STEP_LOOPBACK; return loopback_up();
  case BOOT_CHROOT: *step = STEP_SWITCH; return enter_chroot(wire_string(p));
  case BOOT_SHIELD: *step = STEP_IDENTITY; return shield(wire_u32(p));
  case BOOT_CAPABILITIES: *step = STEP_CAPABILITIES; return keep_capabilities(wire_u64(p));
  case BOOT_LANDLOCK:
  case BOOT_LANDLOCK_PATH:
  case BOOT_LANDLOCK_PORT:
    *step = STEP_LANDLOCK;
    return landlock_record((enum landlock_part)(op - BOOT_LANDLOCK), p, &box_ruleset);
  case BOOT_NO_PID_NAMESPACE: *step = STEP_PLAN; return lose_pid_namespace();
  default: *step = STEP_PLAN; return -EBADMSG;
  }
}

/* The new root: what it is made of, and entering it. */
static long run_root(uint16_t op, struct wire_reader *p, uint32_t *step) {
  struct source source;
  uint64_t size;
  uint32_t number;
  const char *name;
  switch (op) {
  case BOOT_PRIVATE: *step = STEP_PRIVATE_MOUNTS; return mount_private();
  case BOOT_STAGE:
    *step = STEP_STAGE;
    size = wire_u64(p);
    number = wire_u32(p);
    return mount_stage(size, number, wire_string(p));
  case BOOT_LAYER:
    *step = STEP_LAYER;
    source = read_source(p);
    return mount_layer(&source);
  case BOOT_UPPER:
    *step = STEP_LAYER;
    source = read_source(p);
    name = wire_string(p);
    return mount_upper(&source, name, wire_string(p));
  case BOOT_ROOT:
    number = wire_u32(p);
    *step = number == WIRE_ROOT_OVERLAY ? STEP_OVERLAY : STEP_ROOT;
    source = read_source(p);
    return mount_root(number, &source, step);
  case BOOT_SEAL: *step = STEP_READONLY; return mount_seal();
  case BOOT_SWITCH: *step = STEP_SWITCH; return mount_switch(wire_u32(p));
  default: return run_plain(op, p, step);
  }
}

/* What stands in the new root. */
static long run_op(uint16_t op, struct wire_reader *p, uint32_t *step) {
  struct source source;
  uint64_t size;
  uint32_t inodes, mode;
  const char *name;
  const uint8_t *content;
  switch (op) {
  case BOOT_DIRECTORY:
    *step = STEP_DIRECTORY;
    mode = wire_u32(p);
    return make_directory(wire_string(p), mode);
  case BOOT_PROC: *step = STEP_PROC; return mount_proc(wire_string(p));
  case BOOT_TMPFS:
    *step = STEP_TMPFS;
    size = wire_u64(p);
    inodes = wire_u32(p);
    mode = wire_u32(p);
    source.attrs = wire_u32(p);
    return mount_tmpfs(wire_string(p), size, inodes, mode, source.attrs);
  case BOOT_SCRATCH:
    *step = STEP_TMPFS;
    mode = wire_u32(p);
    source.attrs = wire_u32(p);
    return mount_scratch(wire_string(p), mode, source.attrs);
  case BOOT_DEVPTS:
    *step = STEP_DEVPTS;
    name = wire_string(p);
    return mount_devpts(name, wire_string(p));
  case BOOT_MQUEUE: *step = STEP_MQUEUE; return mount_mqueue(wire_string(p));
  case BOOT_BIND: source = read_source(p); return mount_bind(&source, wire_string(p), step);
  case BOOT_FILE:
    *step = STEP_FILE;
    mode = wire_u32(p);
    name = wire_string(p);
    content = wire_bytes(p, &inodes);
    return make_file(name, mode, content, inodes);
  case BOOT_SYMLINK:
    *step = STEP_SYMLINK;
    name = wire_string(p);
    return make_symlink(name, wire_string(p));
  case BOOT_PLACE: *step = STEP_ROOT; return mount_place(wire_string(p));
  case BOOT_MASK: *step = STEP_MASK; return mount_mask(wire_string(p));
  case BOOT_READONLY: *step = STEP_READONLY; return mount_readonly(wire_string(p));
  default: return run_root(op, p, step);
  }
}

static int resting;

/* The records may come in two parts; a failure's index counts through both. */
void boot_run(const void *records, uint32_t size, struct failure *failure) {
  static uint32_t done;
  if (resting) sys_call5(__NR_prctl, PR_SET_NAME, "cofferdam-init", 0, 0, 0);
  resting = 0;
  struct wire_reader section = wire_read(records, size), payload;
  struct wire_record record;
  *failure = (struct failure){.phase = PHASE_BOOT, .step = STEP_PLAN, .index = done};
  for (; wire_next(&section, &record, &payload); failure->index++) {
    long result = run_op(record.op, &payload, &failure->step);
    if (payload.bad) result = -EBADMSG;
    /* What is optional of a bind is its source; a target that cannot be made is a failure. */
    int excused = result == -ENOENT && record.flags & WIRE_OPTIONAL && failure->step != STEP_BIND;
    if (result < 0 && !excused) {
      failure->error = (int32_t)-result;
      return;
    }
  }
  if (section.bad) failure->error = EBADMSG;
  done = failure->index;
}

void boot_rest(void) {
  sys_call5(__NR_prctl, PR_SET_NAME, "cofferdam-blank", 0, 0, 0);
  resting = 1;
}
