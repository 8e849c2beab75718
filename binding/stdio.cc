// Pipes, files and /dev/null for a command; see stdio.h.
#include "stdio.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>

#include "step_error.h"

namespace cofferdam {
namespace {

constexpr int kKits = 64; // at once: each has five descriptors
std::atomic<int> kits{0};

// The pipe belongs to the command's user, so that it may open /dev/stdin and its like again.
Pipe MakePipe(const Owner &owner, uint32_t index) {
  int ends[2];
  Check(pipe2(ends, O_CLOEXEC), STEP_STDIO, index);
  Pipe made{UniqueFd(ends[0]), UniqueFd(ends[1])};
  if (!owner.known || fchown(ends[0], owner.uid, owner.gid) == 0) return made;
  // A caller without privileges: whoever may open another's descriptors (proc(5)) is let in by the mode.
  Check(errno == EPERM ? fchmod(ends[0], 0666) : -1, STEP_STDIO, index);
  return made;
}

void SetNonBlocking(const UniqueFd &fd, uint32_t index) {
  Check(fcntl(fd.get(), F_SETFL, O_NONBLOCK), STEP_STDIO, index); // ours alone: each end has its own description
}

// Most inputs fit the pipe's 64 KiB: they are written here, and the watcher never hears of them.
void Feed(StdioSpec *spec, Command *command, UniqueFd to) {
  size_t done = 0;
  while (done < spec->input.size()) {
    ssize_t wrote = write(to.get(), spec->input.data() + done, spec->input.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) break;
    done += static_cast<size_t>(wrote);
  }
  if (done == spec->input.size()) return;
  Stream &stream = command->streams[0];
  stream.kind = Stream::kFeed;
  stream.data = std::move(spec->input);
  stream.done = done;
  stream.to = std::move(to);
}

UniqueFd OpenPath(const StdioSpec &spec) {
  return UniqueFd(Check(open(spec.path.c_str(), static_cast<int>(spec.flags) | O_CLOEXEC | O_NOCTTY, 0666), STEP_STDIO,
                        spec.index));
}

UniqueFd TakeFd(StdioSpec *spec) {
  if (!spec->fd) FailStep(STEP_STDIO, spec->index, spec->fd_error);
  return std::move(spec->fd);
}

// Between the command and `to` the watcher counts what passes.
UniqueFd Relay(const Request &request, uint32_t index, Stream *stream, UniqueFd to, bool foreign) {
  Pipe inner = MakePipe(request.owner, index);
  SetNonBlocking(inner.read, index);
  stream->kind = Stream::kRelay;
  stream->from = std::move(inner.read);
  stream->to = std::move(to);
  stream->foreign = foreign;
  return std::move(inner.write);
}

// Its pipes lead to JavaScript alone. The rest is done when the master has come (watcher_terminal.cc).
void PrepareTerminal(const Request &request, Command *command) {
  for (int fd = 0; fd < 2; fd++) {
    const uint32_t index = request.stdio[fd].index;
    int ends[2];
    Check(pipe2(ends, O_CLOEXEC | O_NONBLOCK), STEP_STDIO, index);
    Stream &stream = command->streams[fd];
    stream.kind = Stream::kTerminal;
    (fd == 0 ? stream.from : stream.to).reset(ends[fd]);
    command->parent_stdio[fd] = ends[1 - fd];
  }
}

UniqueFd OpenNull(uint32_t index) {
  return UniqueFd(Check(open("/dev/null", O_RDONLY | O_CLOEXEC), STEP_STDIO, index));
}

Pipe MakeCapture(const Owner &owner, uint32_t index) {
  Pipe made = MakePipe(owner, index);
  SetNonBlocking(made.read, index);
  return made;
}

UniqueFd PrepareInput(Request *request, Command *command, StdioSpec *spec, Kit *kit) {
  Pipe made;
  switch (spec->kind) {
  case WIRE_STDIO_PIPE:
    made = MakePipe(request->owner, spec->index);
    SetNonBlocking(made.write, spec->index);
    command->parent_stdio[0] = made.write.release();
    return std::move(made.read);
  case WIRE_STDIO_FEED:
    made = MakePipe(request->owner, spec->index);
    SetNonBlocking(made.write, spec->index);
    Feed(spec, command, std::move(made.write));
    return std::move(made.read);
  case WIRE_STDIO_FD: return TakeFd(spec);
  case WIRE_STDIO_PATH: return OpenPath(*spec);
  default: return kit ? std::move(kit->null) : OpenNull(spec->index);
  }
}

// The command's end; none where the stream holds it.
UniqueFd PrepareOutput(Request *request, Command *command, StdioSpec *spec, int fd, Kit *kit) {
  Stream &stream = command->streams[fd];
  bool counted = request->output_limit != kUnlimited;
  Pipe made;
  switch (spec->kind) {
  case WIRE_STDIO_PIPE:
    made = MakePipe(request->owner, spec->index);
    SetNonBlocking(made.read, spec->index);
    command->parent_stdio[fd] = made.read.release();
    if (!counted) return std::move(made.write);
    SetNonBlocking(made.write, spec->index);
    return Relay(*request, spec->index, &stream, std::move(made.write), false);
  case WIRE_STDIO_COLLECT:
    made = kit ? std::move(kit->captures[fd - 1]) : MakeCapture(request->owner, spec->index);
    stream.kind = Stream::kCapture;
    stream.from = std::move(made.read);
    stream.held = std::move(made.write);
    return UniqueFd();
  default: {
    UniqueFd to;
    if (spec->kind == WIRE_STDIO_FD)
      to = TakeFd(spec);
    else if (spec->kind == WIRE_STDIO_PATH)
      to = OpenPath(*spec);
    else
      to.reset(Check(open("/dev/null", O_WRONLY | O_CLOEXEC), STEP_STDIO, spec->index));
    return counted ? Relay(*request, spec->index, &stream, std::move(to), true) : std::move(to);
  }
  }
}

// The kernel gives out the lowest number that is free: beyond half of them, the others are for those who need one.
bool IsScarce(const UniqueFd &newest) {
  rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) == 0 && static_cast<rlim_t>(newest.get()) > limit.rlim_cur / 2;
}

} // namespace

Kit::Kit() {
  kits++;
}

Kit::~Kit() {
  kits--;
}

std::unique_ptr<Kit> MakeKit(const Owner &owner) {
  if (kits >= kKits) return nullptr;
  auto kit = std::make_unique<Kit>();
  try {
    kit->null = OpenNull(0);
    for (Pipe &capture : kit->captures) capture = MakeCapture(owner, 0);
  } catch (const StepError &) {
    return nullptr;
  }
  return IsScarce(kit->captures[1].write) ? nullptr : std::move(kit);
}

void PrepareStdio(Request *request, Command *command, Kit *kit, std::vector<UniqueFd> *owned,
                  std::vector<Loan> *loans) {
  if (request->stdio[0].kind == WIRE_STDIO_TERMINAL) return PrepareTerminal(*request, command);
  for (uint32_t fd = 0; fd < 3; fd++) {
    StdioSpec *spec = &request->stdio[fd];
    UniqueFd end = fd == 0 ? PrepareInput(request, command, spec, kit)
                           : PrepareOutput(request, command, spec, static_cast<int>(fd), kit);
    loans->push_back({ROLE_STDIO << 16 | fd, end ? end.get() : command->streams[fd].held.get()});
    if (end) owned->push_back(std::move(end));
  }
}

} // namespace cofferdam
