// A request as TypeScript encoded it, its host section read into plain data. Boot and exec stay bytes: they are init's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "unique_fd.h"

namespace cofferdam {

constexpr uint64_t kUnlimited = ~0ull;

struct IdMapLine {
  uint32_t index, which, inside, outside, count;
};

struct TreeSpec {
  uint32_t index;
  uint32_t number; // how init knows it
  uint32_t attrs;
  uint32_t flags;
  bool optional;
  std::string path;
};

struct CgroupFile {
  uint32_t index;
  bool optional;
  std::string file;
  std::string value;
};

struct HierarchySpec {
  uint32_t index;
  uint32_t version;
  std::string base;
  std::string enable;
  std::vector<CgroupFile> group_writes, limits, stats;
  int cpu_clock = -1; // enum wire_cpu_clock, or -1
  std::string cpu_clock_file;
};

struct RlimitSpec {
  uint32_t resource;
  uint64_t soft, hard;
};

struct StdioSpec {
  uint32_t index = 0;
  uint32_t kind = 0;
  uint32_t flags = 0;
  UniqueFd fd; // kind FD: a duplicate, taken on the JavaScript thread before the caller can close the original
  int fd_error = 0;
  std::string path;
  std::vector<uint8_t> input;
};

// Whose a command's pipes are, on the host; nobody else's than ours where it is not known.
struct Owner {
  bool known = false;
  uint32_t uid = 0, gid = 0;
};

// What an init is born with, and what it can do before anybody has asked for a sandbox: plain data, for copies of it
// are kept (stock.h).
struct Birthright {
  bool no_capabilities = false;
  uint64_t init_capabilities = ~0ull; // what init must bring through its execve, in a user namespace
  uint64_t namespaces = 0;
  std::vector<IdMapLine> id_map;
  bool deny_setgroups = false;
  std::string newuidmap, newgidmap; // the programs that write the maps; empty: the addon does
  bool has_clock_offsets = false;
  uint32_t clock_index = 0;
  int64_t monotonic_s = 0, boottime_s = 0;
  uint32_t monotonic_ns = 0, boottime_ns = 0;
  std::vector<TreeSpec> ahead_trees; // those of the ahead part: devices, no directories of the host
  std::vector<uint8_t> ahead;        // the first part of the boot section
};

struct Request : Birthright {
  uint32_t id = 0;
  uint32_t box = 0; // the live box that the command is for; 0: a box of its own
  bool collect = false;
  bool tell_start = true; // whether JavaScript wants to hear of the start
  bool stocked = false;   // an init from the stock may serve it
  bool has_nice = false;
  int nice = 0;
  std::vector<RlimitSpec> rlimits;
  std::vector<TreeSpec> trees; // the others
  uint32_t workdir_index = 0;
  std::string workdir;
  std::vector<HierarchySpec> hierarchies;
  StdioSpec stdio[3];
  uint64_t output_limit = kUnlimited;
  Owner owner;
  std::vector<uint8_t> boot, exec; // boot without its ahead part
  std::vector<uint8_t> shared;     // of a box: what the exec sections of its commands begin with
};

// False when the bytes are no request of this version.
bool ParseRequest(const uint8_t *data, size_t size, Request *request);

} // namespace cofferdam
