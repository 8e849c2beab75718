/* Landlock: the ruleset by which a command restricts itself (landlock(7)).
 *
 * It is made once per box, as the last of boot: paths are then those of the new root, and nothing untrusted has run
 * that could have put a link in the place of one. A command only takes it on, which is one system call, so a box's
 * commands share a ruleset and each has a domain of its own. A command with places of its own (fresh.c) makes one anew,
 * since rules hold for inodes, and what is mounted over /tmp is another one than before.
 *
 * Which rights the kernel knows is settled before (src/landlock/): the masks come as they are handed on.
 */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/openat2.h>

#include "init.h"
#include "mounts.h"

#define RULE_PATH_BENEATH 1 /* LANDLOCK_RULE_PATH_BENEATH, 5.13 */
#define RULE_NET_PORT 2     /* LANDLOCK_RULE_NET_PORT, 6.7 */

/* What a rule for a file, and not a directory, may allow: EXECUTE, WRITE_FILE, READ_FILE; TRUNCATE (6.2), IOCTL_DEV
 * (6.10). */
#define FILE_RIGHTS (1u << 0 | 1u << 1 | 1u << 2 | 1u << 14 | 1u << 15)

/* struct landlock_ruleset_attr as of 6.12. An older kernel takes it as long as what it does not know is zero. */
struct ruleset_attr {
  uint64_t handled_access_fs, handled_access_net, scoped;
};
struct path_beneath_attr {
  uint64_t allowed_access;
  int32_t parent_fd;
} __attribute__((packed));
struct net_port_attr {
  uint64_t allowed_access, port;
};

static long make(struct wire_reader *p, int *ruleset) {
  struct ruleset_attr attr = {wire_u64(p), 0, 0};
  attr.handled_access_net = wire_u64(p);
  attr.scoped = wire_u64(p);
  if (p->bad || *ruleset >= 0) return -EBADMSG;
  return *ruleset = (int)sys_call3(__NR_landlock_create_ruleset, &attr, sizeof attr, 0);
}

static long allow_path(struct wire_reader *p, int ruleset) {
  struct path_beneath_attr attr = {wire_u64(p), -1};
  const char *path = wire_string(p);
  if (p->bad) return -EBADMSG;
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS};
  long fd = sys_call4(__NR_openat2, AT_FDCWD, path, &how, sizeof how);
  long result = fd < 0 ? fd : path_is_directory((int)fd);
  if (result == 0) attr.allowed_access &= FILE_RIGHTS;
  attr.parent_fd = (int)fd;
  /* ENOMSG for a rule that allows nothing: of a file no more was asked than it can give. */
  if (result >= 0 && attr.allowed_access)
    result = sys_call4(__NR_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &attr, 0);
  close_fd((int)fd);
  return result;
}

static long allow_port(struct wire_reader *p, int ruleset) {
  struct net_port_attr attr = {wire_u64(p), 0};
  attr.port = wire_u32(p);
  return p->bad ? -EBADMSG : sys_call4(__NR_landlock_add_rule, ruleset, RULE_NET_PORT, &attr, 0);
}

long landlock_record(enum landlock_part part, struct wire_reader *p, int *ruleset) {
  switch (part) {
  case LANDLOCK_RULESET: return make(p, ruleset);
  case LANDLOCK_PATH: return allow_path(p, *ruleset);
  default: return allow_port(p, *ruleset);
  }
}

long landlock_restrict(int ruleset) {
  return sys_call2(__NR_landlock_restrict_self, ruleset, 0);
}
