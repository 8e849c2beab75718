/* What a command has of its own although its box has been used before: mounts in memory and keyrings, and the Landlock
 * ruleset that is about them.
 *
 * All of it runs in the command's process, between its birth in new mount and IPC namespaces and its execve. Those hold
 * copies of the box's mounts; over each that a program can write to, an empty one is put, and below it nothing can
 * look: the command may not unmount. So the box itself is never written to, and what has been put there goes with the
 * namespace. */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/keyctl.h>
#include <linux/mount.h>

#include "init.h"
#include "mounts.h"

static long stage_at(const char *at, uint64_t size, uint32_t inodes) {
  scratch_count = 0;
  long result = mount_tmpfs(at, size, inodes, 0755, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
  if (result < 0) return result;
  stage = (int)path_open(at, O_PATH | O_DIRECTORY);
  return stage;
}

static long put_place(uint16_t op, struct wire_reader *p, uint32_t *step) {
  uint64_t size = op == EXEC_FRESH_STAGE || op == EXEC_FRESH_TMPFS ? wire_u64(p) : 0;
  uint32_t inodes = size ? wire_u32(p) : 0;
  uint32_t mode = op == EXEC_FRESH_SCRATCH || op == EXEC_FRESH_TMPFS ? wire_u32(p) : 0;
  uint32_t attrs = mode ? wire_u32(p) : 0;
  const char *target = wire_string(p);
  *step = op == EXEC_FRESH_MQUEUE ? STEP_MQUEUE : op == EXEC_FRESH_STAGE ? STEP_STAGE : STEP_TMPFS;
  if (p->bad) return -EBADMSG;
  switch (op) {
  case EXEC_FRESH_STAGE: return stage_at(target, size, inodes);
  case EXEC_FRESH_SCRATCH: return mount_scratch(target, mode, attrs);
  case EXEC_FRESH_TMPFS: return mount_tmpfs(target, size, inodes, mode, attrs);
  default: return mount_mqueue(target);
  }
}

void fresh_collect(void) {
  close_fd(new_root);
  close_fd(stage);
  new_root = stage = -1;
}

/* init sleeps meanwhile, and shares this memory; most often the descriptors as well (exec.c), where each that is left
 * open would hold the mounts and credentials of a command that has long ended. The ruleset's is the caller's. */
long fresh_places(const void *records, uint32_t size, struct failure *failure, int *ruleset) {
  struct wire_reader section = wire_read(records, size), payload;
  struct wire_record record;
  uint32_t index = 0;
  long result = new_root = (int)sys_call4(__NR_openat, AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
  failure->step = STEP_STAGE;
  for (; result >= 0 && wire_next(&section, &record, &payload); index++)
    if (record.op >= EXEC_FRESH_STAGE && record.op <= EXEC_FRESH_LANDLOCK_PORT) {
      failure->index = index;
      if (record.op >= EXEC_FRESH_LANDLOCK) {
        failure->step = STEP_LANDLOCK;
        result = landlock_record((enum landlock_part)(record.op - EXEC_FRESH_LANDLOCK), &payload, ruleset);
      } else {
        result = put_place(record.op, &payload, &failure->step);
      }
    }
  fresh_collect();
  if (result < 0) failure->error = (int32_t)-result;
  return result;
}

static int is_absent(long error) {
  return error == -ENOSYS || error == -EOPNOTSUPP || error == -EPERM;
}

long fresh_session_keyring(void) {
  long result = sys_call5(__NR_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
  return is_absent(result) ? 0 : result;
}

/* The user's keyrings outlive its processes (keyrings(7)). As the command's user; one that an earlier command has put
 * out of reach is an error. EPERM and ENOSYS are of a filter around us, or a kernel without keys: then nobody has any.
 */
long fresh_user_keyrings(void) {
  long result = sys_call5(__NR_keyctl, KEYCTL_CLEAR, KEY_SPEC_USER_KEYRING, 0, 0, 0);
  if (is_absent(result)) return 0;
  if (result >= 0) result = sys_call5(__NR_keyctl, KEYCTL_CLEAR, KEY_SPEC_USER_SESSION_KEYRING, 0, 0, 0);
  if (result >= 0)
    result = sys_call5(__NR_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_USER_SESSION_KEYRING, 0, 0);
  if (result < 0) return result;
  long persistent = sys_call5(__NR_keyctl, KEYCTL_GET_PERSISTENT, -1, KEY_SPEC_PROCESS_KEYRING, 0, 0);
  if (is_absent(persistent)) return 0;
  return persistent < 0 ? persistent : sys_call5(__NR_keyctl, KEYCTL_CLEAR, persistent, 0, 0, 0);
}
