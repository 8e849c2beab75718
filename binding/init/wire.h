/* The protocol between TypeScript, the addon and init: its only description.
 *
 * TypeScript (src/encode.ts) makes a *request*: one buffer with three sections of records.
 *   host   what the addon does before and around clone3 (cgroups, stdio, mounts to lend, id maps)
 *   boot   what init does once: identity, mounts, root switch
 *   exec   one command: arguments, environment, credentials, limits of its own
 * A request with all three starts a sandbox and a command in it, its last; without exec it boots an idle box; without
 * boot it starts one more command in a live one, whose id goes beside it. The addon reads only `host`; it passes the
 * other two on as they are. The first `ahead_size` bytes of boot follow from the recipe alone, not from what the host's
 * directories hold: they may be carried out before anybody has asked for a sandbox (binding/stock.cc), and are sent as
 * a request of their own.
 *
 * The addon and init talk over a SOCK_SEQPACKET pair. Downwards a packet is a wire_header and its body; upwards it is a
 * wire_event. End of file is the life line: init that reads it kills everything and exits; the addon that reads it
 * knows the sandbox is over.
 *
 *   down  GO       to the cloned child, before it executes init: your id maps are written, go on
 *         FDS      descriptors only; a packet carries at most WIRE_FDS_MAX, so a request may be preceded by several
 *         REQUEST  body: u32 roles[header.fd_count], boot records, exec records. Descriptors sent so far, in order,
 *                  have these roles. header.a & WIRE_MAPPED: the body is too large for a packet and is in a memfd, the
 * last descriptor. header.b = 1: another request follows at once, so no READY is wanted KILL     header.a = signal,
 * header.b = cause; cause NONE signals the command alone, any other ends its tree up    READY    boot is done (answers
 * a request without exec section, unless header.b says that one follows) STARTED  execve has succeeded; SCM_CREDENTIALS
 * carries the command's pid, which the kernel translates, SCM_RIGHTS the master of its terminal, if it has one FAILED
 * a step failed; nothing untrusted has run for this exec id EXITED   the command is reaped; sent before anything is
 * torn down
 *
 * A record is wire_record followed by `size` bytes, a multiple of four. Fields are little-endian u32; u64 is two of
 * them, low first; a string is u32 length, bytes, NUL, zero padding to four; `bytes` are the same without the NUL.
 * Trust: init trusts requests (they come from Node); the addon trusts events as far as their size and ranges go.
 */
#ifndef COFFERDAM_WIRE_H
#define COFFERDAM_WIRE_H

#include <stdint.h>

#define WIRE_MAGIC 0x4d414446u
#define WIRE_VERSION 5u
#define WIRE_INLINE_MAX 98304u /* 96 KiB: well below the least default of net.core.wmem_default */
#define WIRE_FDS_MAX 250u
#define WIRE_FDS_TOTAL 4096u
#define WIRE_NO_TREE 0xffffffffu

/* What TypeScript hands to the addon; host, boot and exec records follow. */
struct wire_request {
  uint32_t magic;
  uint32_t version;
  uint32_t host_size;
  uint32_t ahead_size; /* part of boot_size */
  uint32_t boot_size;
  uint32_t exec_size;
  uint32_t flags; /* enum wire_request_flag */
};

enum wire_request_flag {
  WIRE_COLLECT = 1,         /* deliver only the end: the addon collects stdout and stderr itself (Sandbox#run) */
  WIRE_NO_CAPABILITIES = 2, /* the command keeps none, so init needs only those of its own work */
  WIRE_STOCKED = 4,         /* an init that has carried out the ahead part already may serve it: every source after that
                             * part is lent, so init does not need the host's mounts */
  WIRE_TELL_START = 8,      /* with WIRE_COLLECT: deliver the start, too, since somebody watches */
  WIRE_SHARED = 16,         /* of a box without a command: the exec section is what all its commands begin with, for the
                             * process that is parked for the next one */
};

struct wire_record {
  uint16_t op;
  uint16_t flags; /* enum wire_record_flag */
  uint32_t size;
};

enum wire_record_flag {
  WIRE_OPTIONAL = 1, /* a missing source or target is no failure */
};

/* ---- host section: carried out by the addon ------------------------------------------------------------------- */

enum wire_host_op {
  HOST_NAMESPACES = 1, /* u64 CLONE_NEW* flags for clone3 (never CLONE_NEWCGROUP: that is EXEC_CGROUP_NAMESPACE) */
  HOST_ID_MAP,         /* u32 which (0 uid, 1 gid), u32 inside, u32 outside, u32 count; one line each, any number */
  HOST_DENY_SETGROUPS, /* - ; an unprivileged caller must, before gid_map (user_namespaces(7)) */
  HOST_CLOCK_OFFSETS,  /* u64 monotonic seconds, u32 ns, u64 boottime seconds, u32 ns (two's complement seconds) */
  HOST_TREE,           /* u32 attrs (MOUNT_ATTR_*), u32 tree flags, string path: lend a detached copy of this mount as
                        * tree number 0, 1, 2... in order of appearance. OPTIONAL: may be missing */
  HOST_WORKDIR,        /* string path: overlay's workdir beside a persistent upper; made now, removed afterwards */
  HOST_HIERARCHY,      /* u32 version (1|2), string base, string enable: a cgroup hierarchy to use. In `base` the addon
                        * makes one group directory per process, in the group one leaf per command (v2: also one leaf
                        * for the inits). `enable` is written to cgroup.subtree_control of base and group (v2) or "" */
  HOST_GROUP_WRITE,    /* string file, string value: written once in the group of the last HOST_HIERARCHY */
  HOST_LIMIT,          /* string file, string value: written in the leaf of the last HOST_HIERARCHY */
  HOST_STAT,           /* string file: read from that leaf at exit; EXITED carries the texts in order of appearance.
                        * OPTIONAL: "" where the kernel has no such file */
  HOST_STDIO,          /* u32 fd (0-2), u32 kind (enum wire_stdio), u32 host fd or open(2) flags, string path,
                        * bytes input (kind FEED only) */
  HOST_OUTPUT_LIMIT,   /* u64 bytes of stdout and stderr together; more ends the command with CAUSE_OUTPUT */
  HOST_OWNER,          /* u32 uid, u32 gid on the host that the command's pipes are given to */
  HOST_CPU_CLOCK,      /* u32 kind (enum wire_cpu_clock), string file in the last HOST_HIERARCHY's leaf: init reads the
                        * tree's CPU time there, for EXEC_CPU_LIMIT */
  HOST_RLIMIT,         /* u32 resource, u64 soft, u64 hard: given to init from outside, which may raise what its own
                        * user namespace may not (getrlimit(2): CAP_SYS_RESOURCE of the initial one) */
  HOST_NICE,           /* u32 nice value, two's complement: likewise, for values below the caller's own */
  HOST_MAP_WRITERS,    /* string newuidmap, string newgidmap: absolute paths of the programs that write the id maps of a
                        * caller without privileges who has subordinate ids */
};

enum wire_tree_flag {
  WIRE_TREE_RECURSIVE = 1, /* with all mounts below it */
  WIRE_TREE_ID_MAPPED = 2, /* owners are seen through HOST_ID_MAP (mount_setattr MOUNT_ATTR_IDMAP, 5.12) */
  WIRE_TREE_LAYER = 4,     /* a rootfs layer: a failure is step LAYER, not BIND_SOURCE */
  WIRE_TREE_DEVICES = 8,   /* no path: a fresh tmpfs with the nodes and links of /dev and the directories pts, shm and
                            * mqueue in it; only for a privileged caller (mknod) */
};

enum wire_stdio {
  WIRE_STDIO_NULL = 0, /* /dev/null */
  WIRE_STDIO_PIPE,     /* a pipe; STARTED hands our end to JavaScript */
  WIRE_STDIO_FD,       /* a descriptor of the Node process */
  WIRE_STDIO_PATH,     /* a file of the host, opened with the caller's rights */
  WIRE_STDIO_COLLECT,  /* stdout, stderr: gathered by the addon, delivered with EXITED */
  WIRE_STDIO_FEED,     /* stdin: these bytes, then end of file */
  WIRE_STDIO_TERMINAL, /* all three: the terminal of EXEC_TERMINAL; STARTED hands the ends of two pipes to JavaScript,
                        * between which and the terminal's master the watcher is */
};

enum wire_cpu_clock {
  WIRE_CPU_STAT_V2 = 0, /* cpu.stat: the number after "usage_usec " in microseconds */
  WIRE_CPUACCT_USAGE,   /* cpuacct.usage: nanoseconds */
};

/* ---- boot section: carried out by init, in this order or any other the plan needs ------------------------------ */

/* `source` is u32 tree (an ordinal of HOST_TREE or WIRE_NO_TREE), string path (used when there is no tree: init opens
 * it itself, with the caller's rights, in its copy of the host's mounts), u32 tree flags, u32 attrs (MOUNT_ATTR_*).
 * Targets are absolute paths inside the new root and are resolved there (openat2 RESOLVE_IN_ROOT, 5.6); missing ones
 * are made, with their parents. */
enum wire_boot_op {
  BOOT_IDENTITY = 64, /* u32 uid, u32 gid: become this id of the namespace, with all capabilities in it */
  BOOT_HOSTNAME,      /* string */
  BOOT_LOOPBACK,      /* - : set `lo` up */
  BOOT_PRIVATE,       /* - : make every inherited mount private, so that nothing propagates to the host */
  BOOT_STAGE,         /* u64 size, u32 inodes, string at: the tmpfs behind overlay's upper, masks, scratch directories
                       * and an empty root; on this directory while booting, or on "/" where it is none. Until BOOT_ROOT
                       * targets are directories of the stage, from which BOOT_PLACE takes what was mounted there */
  BOOT_LAYER,         /* source: next lower layer, base first */
  BOOT_UPPER,         /* source, string upper, string work: names below source for a persistent upper */
  BOOT_ROOT,          /* u32 kind (enum wire_root), source (kind TREE only, otherwise zeros and "") */
  BOOT_DIRECTORY,     /* u32 mode, string target */
  BOOT_PROC,          /* string target */
  BOOT_TMPFS,         /* u64 size, u32 inodes, u32 mode, u32 attrs, string target */
  BOOT_DEVPTS,        /* string target, string mount options */
  BOOT_MQUEUE,        /* string target */
  BOOT_BIND,          /* source, string target; OPTIONAL: a missing source is skipped */
  BOOT_FILE,          /* u32 mode, string target, bytes content */
  BOOT_SYMLINK,       /* string target, string path: `path` becomes a link to `target` */
  BOOT_MASK,          /* string path: a file reads empty, a directory is empty; OPTIONAL */
  BOOT_READONLY,      /* string path: that path and all below it, read-only; OPTIONAL */
  BOOT_SEAL,          /* - : the root itself becomes read-only; mounts below it stay as they are */
  BOOT_SWITCH,        /* u32 kind (enum wire_switch) */
  BOOT_CHROOT,        /* string host directory: chroot(2) without a mount namespace */
  BOOT_NO_PID_NAMESPACE, /* - : init is not PID 1: it becomes the subreaper and ends trees by cgroup.kill */
  BOOT_SCRATCH,          /* u32 mode, u32 attrs, string target: a fresh directory of the stage, whose size it shares */
  BOOT_SHIELD, /* u32 uid: init's id from now on, though files are opened as before: one that no command has, since
                * who has it may signal init, slow it down, and set limits on it */
  BOOT_PLACE,  /* string target: what was mounted there before BOOT_ROOT, with all below it, moves into the root */

  /* Last: the ruleset that commands with EXEC_LANDLOCK take on; paths are those of the root by then. */
  BOOT_LANDLOCK,      /* u64 handled file rights (LANDLOCK_ACCESS_FS_*), u64 handled network rights
                       * (LANDLOCK_ACCESS_NET_*), u64 scopes (LANDLOCK_SCOPE_*): what is forbidden from now on... */
  BOOT_LANDLOCK_PATH, /* u64 file rights, string path: ...but these there and below; of a file those that it can have */
  BOOT_LANDLOCK_PORT, /* u64 network rights, u32 port: ...but these */
  BOOT_CAPABILITIES,  /* u64: init gives up all others, for ever */
};

enum wire_root {
  WIRE_ROOT_OVERLAY = 0, /* the layers so far, with the stage's or the caller's upper on top */
  WIRE_ROOT_TREE,        /* one directory as it is */
  WIRE_ROOT_EMPTY,       /* an empty tmpfs: the plan binds what is needed */
};

enum wire_switch { WIRE_PIVOT_ROOT = 0, WIRE_SWITCH_ROOT };

/* ---- exec section: carried out by init and by the process that becomes the command ------------------------------ */

enum wire_exec_op {
  EXEC_COMMAND = 128,    /* string file, u32 argc, string argv[argc] */
  EXEC_ENVIRONMENT,      /* u32 count, string "NAME=value"[count] */
  EXEC_SEARCH_PATH,      /* string: where a file without a slash is looked for, as execvp(3) does */
  EXEC_CWD,              /* string */
  EXEC_USER,             /* u32 uid, u32 gid inside: also clears supplementary groups (where setgroups is allowed) */
  EXEC_RLIMIT,           /* u32 resource, u64 soft, u64 hard */
  EXEC_NICE,             /* u32 nice value, two's complement */
  EXEC_CAPABILITIES,     /* u64 kept: all five sets become this, bounding and ambient included */
  EXEC_FILTER,           /* bytes: struct sock_filter[], installed last before execve. What it answers with
                          * SECCOMP_RET_USER_NOTIF is a violation: init ends the tree, CAUSE_SECCOMP */
  EXEC_CGROUP_NAMESPACE, /* - : unshare(CLONE_NEWCGROUP) once in the leaf, so that its root is the leaf */
  EXEC_WALL_LIMIT,       /* u64 ns, from execve on */
  EXEC_CPU_LIMIT,        /* u64 ns, of the whole tree; needs HOST_CPU_CLOCK */
  EXEC_LAST,             /* - : when this command ends the sandbox ends */
  EXEC_PARALLELISM,      /* u32 hundredths of a core that the tree can use at most: how fast CPU time can pass */
  EXEC_LANDLOCK,         /* - : take on the box's ruleset, or the fresh one, before the filter */

  /* What the command has of its own instead of the box's, so that it finds nothing of an earlier one. */
  EXEC_FRESH_NAMESPACES, /* u64 CLONE_NEWNS | CLONE_NEWIPC, and new keyrings: before all that follows */
  EXEC_FRESH_STAGE,    /* u64 size, u32 inodes, string at: the tmpfs of the scratch directories that follow; `at` is the
                        * last of their targets, which hides it */
  EXEC_FRESH_SCRATCH,  /* u32 mode, u32 attrs, string target */
  EXEC_FRESH_TMPFS,    /* u64 size, u32 inodes, u32 mode, u32 attrs, string target */
  EXEC_FRESH_MQUEUE,   /* string target */
  EXEC_FRESH_LANDLOCK, /* these three as BOOT_LANDLOCK and those after it: a ruleset for the places above */
  EXEC_FRESH_LANDLOCK_PATH,
  EXEC_FRESH_LANDLOCK_PORT,

  EXEC_TERMINAL, /* u32 columns, u32 rows (1-65535), string "TERM=..." for the environment, or "": a new terminal is its
                  * controlling one and its 0, 1 and 2; STARTED carries the master */
};

/* ---- packets ---------------------------------------------------------------------------------------------------- */

enum wire_kind { WIRE_GO = 1, WIRE_FDS, WIRE_REQUEST, WIRE_KILL, WIRE_READY, WIRE_STARTED, WIRE_FAILED, WIRE_EXITED };

enum wire_packet_flag {
  WIRE_MAPPED = 1,             /* REQUEST: the body is in a memfd */
  WIRE_BOUNDING_SET_EMPTY = 2, /* REQUEST: the addon's child has dropped it before it executed init */
  WIRE_AHEAD = 4,              /* REQUEST: boot's ahead part, and the rest may be long in coming */
  WIRE_PARK = 8,               /* REQUEST: the leaf is for the next command, which comes without one (parked.c); exec
                                * records, if any, are those that it will begin with */
  WIRE_SEATED = 16,            /* REQUEST: it is for the process that has been parked */
  WIRE_SILENT = 32,            /* REQUEST: nobody waits for STARTED, so it is not sent */
};

struct wire_header {
  uint32_t magic;
  uint32_t kind;
  uint32_t id; /* exec id, chosen by the addon */
  uint32_t fd_count;
  uint32_t boot_size;
  uint32_t exec_size;
  uint32_t a;
  uint32_t b;
};

/* roles[i] = role << 16 | number */
enum wire_role {
  ROLE_TREE = 1,  /* number: tree ordinal */
  ROLE_STDIO,     /* number: 0-2 */
  ROLE_LEAF,      /* the v2 leaf's directory, for CLONE_INTO_CGROUP */
  ROLE_KILL,      /* the leaf's cgroup.kill, writable */
  ROLE_CPU_CLOCK, /* number: enum wire_cpu_clock */
  ROLE_PROCS,     /* cgroup.procs of a v1 leaf, writable: the command's process writes "0" */
};

enum wire_phase { PHASE_HOST = 0, PHASE_BOOT, PHASE_EXEC };

/* Why a tree was ended; the first cause stays. */
enum wire_cause { CAUSE_NONE = 0, CAUSE_WALL, CAUSE_CPU, CAUSE_OUTPUT, CAUSE_ABORT, CAUSE_SECCOMP };

struct wire_event {
  uint32_t magic;
  uint32_t kind;
  uint32_t id;
  uint32_t phase; /* FAILED: which section, which record of it (0 is the first), which step, which errno */
  uint32_t step;
  uint32_t index;
  int32_t error;
  int32_t status; /* EXITED: as wait4(2) gives it */
  uint32_t cause;
  uint32_t pid;    /* STARTED without a pid namespace: the command's pid, as ours (no credentials then) */
  int32_t syscall; /* EXITED with CAUSE_SECCOMP: the number of the call, and whose it is (AUDIT_ARCH_*) */
  uint32_t architecture;
  uint64_t wall_ns; /* EXITED: from execve to the reaping, CLOCK_MONOTONIC */
  uint64_t user_us; /* EXITED: rusage of the command and of all descendants reaped so far */
  uint64_t system_us;
  uint64_t max_rss_kib; /* of the largest process */
  uint64_t major_faults;
  uint64_t voluntary_switches;
  uint64_t involuntary_switches;
  uint64_t in_blocks; /* 512-byte units that really were read from or written to a device */
  uint64_t out_blocks;
};

enum wire_step {
#define STEP(symbol, name) STEP_##symbol,
#include "steps.def"
#undef STEP
  STEP_COUNT
};

/* ---- reading records -------------------------------------------------------------------------------------------- */

struct wire_reader {
  const uint8_t *at;
  const uint8_t *end;
  int bad; /* set once anything did not fit; every later read gives 0 or "" */
};

static inline struct wire_reader wire_read(const void *data, uint32_t size) {
  struct wire_reader reader = {(const uint8_t *)data, (const uint8_t *)data + size, 0};
  return reader;
}

static inline const uint8_t *wire_take(struct wire_reader *reader, uint32_t size) {
  if (reader->bad || (uint64_t)(reader->end - reader->at) < size) {
    reader->bad = 1;
    return 0;
  }
  const uint8_t *data = reader->at;
  reader->at += size;
  return data;
}

static inline uint32_t wire_u32(struct wire_reader *reader) {
  const uint8_t *p = wire_take(reader, 4);
  return p ? (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24 : 0;
}

static inline uint64_t wire_u64(struct wire_reader *reader) {
  uint64_t low = wire_u32(reader);
  return low | (uint64_t)wire_u32(reader) << 32;
}

static inline const uint8_t *wire_bytes(struct wire_reader *reader, uint32_t *size) {
  *size = wire_u32(reader);
  if (*size > 0x7ffffff0u) reader->bad = 1;
  const uint8_t *data = wire_take(reader, reader->bad ? 0 : (*size + 3u) & ~3u);
  if (!data) *size = 0;
  return data;
}

static inline const char *wire_string(struct wire_reader *reader) {
  uint32_t size = wire_u32(reader);
  if (size > 0x7ffffff0u) reader->bad = 1;
  const uint8_t *data = wire_take(reader, reader->bad ? 0 : (size + 4u) & ~3u);
  if (!data || reader->bad || data[size] != 0) {
    reader->bad = 1;
    return "\0\0\0"; /* empty, and with as many bytes as any that is in a record */
  }
  return (const char *)data;
}

/* The next record of a section, its payload in *payload; 0 at the end or when the section is malformed (->bad). */
static inline int wire_next(struct wire_reader *section, struct wire_record *record, struct wire_reader *payload) {
  if (section->bad || section->at == section->end) return 0;
  uint32_t head = wire_u32(section);
  record->op = (uint16_t)head;
  record->flags = (uint16_t)(head >> 16);
  record->size = wire_u32(section);
  if (record->size % 4) section->bad = 1;
  const uint8_t *data = wire_take(section, section->bad ? 0 : record->size);
  if (!data || section->bad) {
    section->bad = 1;
    return 0;
  }
  *payload = wire_read(data, record->size);
  return 1;
}

#endif
