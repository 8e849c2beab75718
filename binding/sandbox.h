// A live sandbox as the addon sees it: a box, and the commands in it. Plain ownership, no behaviour. Made by spawner
// threads, then owned by the watcher.
//
// A box is what one boot has made: init, its channel, and what goes with them. A command is one exec: its leaf, its
// streams, its end. `Sandbox#open` makes a box alone and later commands in it; `Sandbox#spawn` and `run` make a box
// with one command that is its last: they share an id and a life, and the command's events speak for both.
#pragma once

#include <atomic>
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "cgroup.h"
#include "channel.h"
#include "init/wire.h"
#include "request.h"
#include "unique_fd.h"

namespace cofferdam {

// What the watcher does with one of the command's descriptors 0-2.
struct Stream {
  enum Kind { kNone, kCapture, kRelay, kFeed, kTerminal };
  Kind kind = kNone;
  UniqueFd from; // capture, relay: our end of the command's pipe; non-blocking
  UniqueFd to;   // relay: where it goes; feed: our end of the command's stdin
                 // terminal: one of both is its master, from STARTED on, the other our end of a pipe
  UniqueFd held; // capture: the command's end. Kept until it has ended: its end of file would wake us, on a processor
                 // that the process which is ending needs, and tell nothing that its report does not
  std::vector<uint8_t> data; // captured; or still to be written, from `done` on
  size_t done = 0;
  bool foreign = false;  // relay: `to` is not ours, so it may block
  bool waiting = false;  // relay: for `to`; `from` is not read meanwhile
  bool deserted = false; // terminal's output: nobody has the slave open
  bool in_line = false;  // terminal's input: what was typed last did not end a line
};

struct Command;

struct Pipe {
  UniqueFd read, write;
};

// Streams of a command to come: no input, and two outputs to be collected. See stdio.h.
struct Kit {
  Kit();
  Kit(const Kit &) = delete;
  ~Kit();

  UniqueFd null;
  Pipe captures[2];
};

// What a command to come will need, made ahead, as far as there is any of it.
struct Place {
  Leaves leaves;
  bool parked = false; // a process waits in them; otherwise init has still to be lent:
  std::vector<UniqueFd> owned;
  std::vector<Loan> loans;
  std::unique_ptr<Kit> kit;
};

// The place of a box's next command: see seat.h.
struct Seat {
  std::mutex mutex;
  bool wanted = false;
  Birthright right;
  Owner owner;
  std::vector<HierarchySpec> hierarchies;
  std::vector<uint8_t> shared; // exec records that each of the box's commands begins with
  Place place;
  int commands = 0; // that are being started, or not closed yet
};

struct Box {
  uint32_t id = 0;
  bool one_shot = false; // it ends with its one command
  UniqueFd channel;      // open as long as this object: spawners may be sending
  UniqueFd pidfd;        // until init is reaped
  UniqueFd network;      // init's network namespace, when it came from the stock, which wants it back
  pid_t init_pid = -1;
  std::string workdir;
  GroupHold groups; // init lives in one of them
  Seat seat;

  std::vector<Command *> commands; // those that are not closed yet
  // Reports on commands that their spawner has sent, and not yet handed over.
  std::vector<Report> early;
  bool launching = false;                      // the stock has been told, and not yet that it is over
  bool closing = false;                        // ended on request
  std::atomic<uint32_t> end_cause{CAUSE_NONE}; // of that request
  bool init_gone = false;                      // reaped
  bool told_end = false;                       // JavaScript knows that it failed, or is lost
  bool told_closed = false;                    // nothing of it is left
};

struct Command {
  uint32_t id = 0;
  std::shared_ptr<Box> box; // none once closed, or when it was gone before we came
  bool collect = false;
  bool tell_start = true;
  uint64_t output_limit = kUnlimited;
  uint64_t output_bytes = 0; // counted so far, when there is a limit or a capture
  pid_t pid = 0;
  int parent_stdio[3] = {-1, -1, -1}; // pipe ends for JavaScript; owned until `started` has handed them over
  Stream streams[3];
  UniqueFd terminal; // its master, for its size; or none
  Leaves leaves;
  std::vector<std::string> leaf_paths; // as made; `leaves` shrinks while they are removed

  // Why it was asked to end. init knows it, too, unless it ended the command before it could read so.
  std::atomic<uint32_t> end_cause{CAUSE_NONE};
  bool over = false;     // EXITED or FAILED has come: the rest is clean-up
  bool told_end = false; // the end has been told to JavaScript
  bool told_closed = false;
  wire_event exit = {}; // valid when over by EXITED
  std::vector<std::string> stats;

  Command() = default;
  Command(const Command &) = delete;
  ~Command() {
    for (int fd : parent_stdio)
      if (fd >= 0) close(fd);
  }
};

inline std::unique_ptr<Command> NewCommand(const Request &request, std::shared_ptr<Box> box) {
  auto command = std::make_unique<Command>();
  command->id = request.id;
  command->box = std::move(box);
  command->collect = request.collect;
  command->tell_start = request.tell_start;
  command->output_limit = request.output_limit;
  return command;
}

// Whether output is still being captured.
inline bool HasCaptures(const Command &command) {
  return command.streams[1].from.get() >= 0 || command.streams[2].from.get() >= 0;
}

// Something to tell JavaScript; see NativeEvent in src/native.ts.
struct Event {
  enum Kind { kStarted, kFailed, kExited, kLost, kClosed, kReady };
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
