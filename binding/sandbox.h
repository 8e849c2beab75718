// A live sandbox as the addon sees it: plain ownership, no behaviour. Made by a spawner thread, then owned by the
// watcher.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "cgroup.h"
#include "init/wire.h"
#include "request.h"
#include "unique_fd.h"

namespace cofferdam {

// What the watcher does with one of the command's descriptors 0-2.
struct Stream {
  enum Kind { kNone, kCapture, kRelay, kFeed };
  Kind kind = kNone;
  UniqueFd from;             // capture, relay: our end of the command's pipe; non-blocking
  UniqueFd to;               // relay: where it goes; feed: our end of the command's stdin
  std::vector<uint8_t> data; // captured; or still to be written, from `done` on
  size_t done = 0;
  bool foreign = false; // relay: `to` is not ours, so it may block
  bool waiting = false; // relay: for `to`; `from` is not read meanwhile
};

struct Sandbox {
  uint32_t id = 0;
  bool collect = false;
  uint64_t output_limit = kUnlimited;
  uint64_t output_bytes = 0; // counted so far, when there is a limit or a capture
  UniqueFd channel, pidfd;
  UniqueFd network; // init's network namespace, when it came from the stock, which wants it back
  pid_t init_pid = -1;
  pid_t command_pid = 0;
  int parent_stdio[3] = {-1, -1, -1}; // pipe ends for JavaScript; owned until `started` has handed them over
  Stream streams[3];
  Leaves leaves;
  std::vector<std::string> leaf_paths; // as made; `leaves` shrinks while they are removed
  std::string workdir;

  bool launching = false; // the stock has been told, and not yet that it is over
  bool over = false;      // EXITED or FAILED has come: the rest is clean-up
  bool init_gone = false; // reaped
  bool told_end = false;  // the end has been told to JavaScript
  bool told_closed = false;
  wire_event exit = {}; // valid when over by EXITED
  std::vector<std::string> stats;

  Sandbox() = default;
  Sandbox(const Sandbox &) = delete;
  ~Sandbox() {
    for (int fd : parent_stdio)
      if (fd >= 0) close(fd);
  }
};

// Whether output is still being captured.
inline bool HasCaptures(const Sandbox &sandbox) {
  return sandbox.streams[1].from.get() >= 0 || sandbox.streams[2].from.get() >= 0;
}

// Something to tell JavaScript; see NativeEvent in src/native.ts.
struct Event {
  enum Kind { kStarted, kFailed, kExited, kLost, kClosed };
  Event(Kind kind, uint32_t id) : kind(kind), id(id) {}

  Kind kind;
  uint32_t id;
  wire_event wire = {};
  int64_t output_bytes = -1;
  pid_t pid = 0;
  int stdio[3] = {-1, -1, -1};
  std::vector<std::string> cgroups, stats;
  bool collected = false;
  std::vector<uint8_t> out, err;
};

} // namespace cofferdam
