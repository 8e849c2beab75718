// Reads the host section (init/wire.h). Everything is bounds-checked: nothing here trusts a length.
#include "request.h"

#include <fcntl.h>
#include <linux/capability.h>

#include <cerrno>

#include "init/wire.h"

namespace cofferdam {
namespace {

// What init itself uses: signals to any process, ids, mounts, chroot, the host name, the network; and files of any
// owner and kind, because overlayfs copies files up with the rights of whoever mounted it.
constexpr uint64_t kInitCapabilities =
    1ull << CAP_CHOWN | 1ull << CAP_DAC_OVERRIDE | 1ull << CAP_DAC_READ_SEARCH | 1ull << CAP_FOWNER |
    1ull << CAP_FSETID | 1ull << CAP_KILL | 1ull << CAP_SETGID | 1ull << CAP_SETUID | 1ull << CAP_SETPCAP |
    1ull << CAP_NET_ADMIN | 1ull << CAP_SYS_CHROOT | 1ull << CAP_SYS_ADMIN | 1ull << CAP_MKNOD | 1ull << CAP_SETFCAP;

std::vector<uint8_t> Bytes(wire_reader *p) {
  uint32_t size = 0;
  const uint8_t *data = wire_bytes(p, &size);
  return data ? std::vector<uint8_t>(data, data + size) : std::vector<uint8_t>();
}

void ReadStdio(wire_reader *p, uint32_t index, Request *request) {
  uint32_t fd = wire_u32(p);
  if (fd > 2) {
    p->bad = 1;
    return;
  }
  StdioSpec &spec = request->stdio[fd];
  spec.index = index;
  spec.kind = wire_u32(p);
  spec.flags = wire_u32(p);
  spec.path = wire_string(p);
  spec.input = Bytes(p);
  if (spec.kind > WIRE_STDIO_TERMINAL) p->bad = 1;
  if (spec.kind == WIRE_STDIO_FD && !p->bad) {
    spec.fd.reset(fcntl(static_cast<int>(spec.flags), F_DUPFD_CLOEXEC, 3));
    if (!spec.fd) spec.fd_error = errno;
  }
}

void ReadHierarchyRecord(const wire_record &record, wire_reader *p, uint32_t index, Request *request) {
  if (record.op == HOST_HIERARCHY) {
    HierarchySpec spec;
    spec.index = index;
    spec.version = wire_u32(p);
    spec.base = wire_string(p);
    spec.enable = wire_string(p);
    request->hierarchies.push_back(std::move(spec));
    return;
  }
  if (request->hierarchies.empty()) {
    p->bad = 1;
    return;
  }
  HierarchySpec &spec = request->hierarchies.back();
  if (record.op == HOST_CPU_CLOCK) {
    spec.cpu_clock = static_cast<int>(wire_u32(p));
    spec.cpu_clock_file = wire_string(p);
    return;
  }
  CgroupFile file;
  file.index = index;
  file.optional = record.flags & WIRE_OPTIONAL;
  file.file = wire_string(p);
  if (record.op != HOST_STAT) file.value = wire_string(p);
  auto &list = record.op == HOST_STAT ? spec.stats : record.op == HOST_LIMIT ? spec.limits : spec.group_writes;
  list.push_back(std::move(file));
}

void ReadTree(const wire_record &record, wire_reader *p, uint32_t index, Request *request) {
  TreeSpec tree;
  tree.index = index;
  tree.number = static_cast<uint32_t>(request->trees.size() + request->ahead_trees.size());
  tree.attrs = wire_u32(p);
  tree.flags = wire_u32(p);
  tree.optional = record.flags & WIRE_OPTIONAL;
  tree.path = wire_string(p);
  auto &trees = tree.flags & WIRE_TREE_DEVICES ? request->ahead_trees : request->trees;
  trees.push_back(std::move(tree));
}

void ReadIdMap(wire_reader *p, uint32_t index, Request *request) {
  IdMapLine line;
  line.index = index;
  line.which = wire_u32(p);
  line.inside = wire_u32(p);
  line.outside = wire_u32(p);
  line.count = wire_u32(p);
  if (line.which > 1) p->bad = 1;
  request->id_map.push_back(line);
}

void ReadRecord(const wire_record &record, wire_reader *p, uint32_t index, Request *request) {
  switch (record.op) {
  case HOST_NAMESPACES: request->namespaces = wire_u64(p); return;
  case HOST_ID_MAP: return ReadIdMap(p, index, request);
  case HOST_DENY_SETGROUPS: request->deny_setgroups = true; return;
  case HOST_MAP_WRITERS:
    request->newuidmap = wire_string(p);
    request->newgidmap = wire_string(p);
    return;
  case HOST_CLOCK_OFFSETS:
    request->has_clock_offsets = true;
    request->clock_index = index;
    request->monotonic_s = static_cast<int64_t>(wire_u64(p));
    request->monotonic_ns = wire_u32(p);
    request->boottime_s = static_cast<int64_t>(wire_u64(p));
    request->boottime_ns = wire_u32(p);
    return;
  case HOST_TREE: return ReadTree(record, p, index, request);
  case HOST_WORKDIR:
    request->workdir_index = index;
    request->workdir = wire_string(p);
    return;
  case HOST_HIERARCHY:
  case HOST_GROUP_WRITE:
  case HOST_LIMIT:
  case HOST_STAT:
  case HOST_CPU_CLOCK: return ReadHierarchyRecord(record, p, index, request);
  case HOST_STDIO: return ReadStdio(p, index, request);
  case HOST_OUTPUT_LIMIT: request->output_limit = wire_u64(p); return;
  case HOST_RLIMIT: {
    RlimitSpec spec;
    spec.resource = wire_u32(p);
    spec.soft = wire_u64(p);
    spec.hard = wire_u64(p);
    request->rlimits.push_back(spec);
    return;
  }
  case HOST_NICE:
    request->has_nice = true;
    request->nice = static_cast<int>(wire_u32(p));
    return;
  case HOST_OWNER:
    request->owner.known = true;
    request->owner.uid = wire_u32(p);
    request->owner.gid = wire_u32(p);
    return;
  default: p->bad = 1;
  }
}

} // namespace

bool ParseRequest(const uint8_t *data, size_t size, Request *request) {
  if (size > 0x7fffffff) return false;
  wire_reader reader = wire_read(data, static_cast<uint32_t>(size));
  uint32_t magic = wire_u32(&reader), version = wire_u32(&reader);
  uint32_t host_size = wire_u32(&reader), ahead_size = wire_u32(&reader);
  uint32_t boot_size = wire_u32(&reader), exec_size = wire_u32(&reader);
  uint32_t flags = wire_u32(&reader);
  request->collect = flags & WIRE_COLLECT;
  request->tell_start = !request->collect || flags & WIRE_TELL_START;
  request->no_capabilities = flags & WIRE_NO_CAPABILITIES;
  request->stocked = flags & WIRE_STOCKED;
  if (request->no_capabilities) request->init_capabilities = kInitCapabilities;
  const uint8_t *host = wire_take(&reader, host_size);
  const uint8_t *boot = wire_take(&reader, boot_size);
  const uint8_t *exec = wire_take(&reader, exec_size);
  if (reader.bad || reader.at != reader.end || magic != WIRE_MAGIC || version != WIRE_VERSION) return false;
  if (boot_size % 4 || exec_size % 4 || ahead_size % 4 || ahead_size > boot_size) return false;

  wire_reader section = wire_read(host, host_size), payload;
  wire_record record;
  for (uint32_t index = 0; wire_next(&section, &record, &payload); index++) {
    ReadRecord(record, &payload, index, request);
    if (payload.bad) return false;
  }
  request->ahead.assign(boot, boot + ahead_size);
  request->boot.assign(boot + ahead_size, boot + boot_size);
  auto &commands = flags & WIRE_SHARED ? request->shared : request->exec;
  commands.assign(exec, exec + exec_size);
  return !section.bad;
}

} // namespace cofferdam
