// The watcher's streams: captured output, counted output on its way to a reader, and stdin given as bytes. Nothing here
// waits: each function does what can be done now, and epoll calls again.
#include "watcher.h"

#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "watcher_tokens.h"

namespace cofferdam {
namespace {

// Writes what a relay holds, as much as goes without waiting. A descriptor that is not ours may be in blocking mode,
// and its mode is shared with others, so it is asked first; a pipe that polls writable takes PIPE_BUF bytes (pipe(7)).
// Files always poll writable, and /dev/null cannot be waited for, which it never needs.
ssize_t WriteSome(const Stream &stream) {
  const uint8_t *data = stream.data.data() + stream.done;
  size_t size = stream.data.size() - stream.done;
  if (!stream.foreign) return write(stream.to.get(), data, size);
  pollfd polled = {stream.to.get(), POLLOUT, 0};
  if (poll(&polled, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  ssize_t sent = send(stream.to.get(), data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
  return sent < 0 && errno == ENOTSOCK ? write(stream.to.get(), data, std::min<size_t>(size, PIPE_BUF)) : sent;
}

} // namespace

void Watcher::ServeStream(Command *command, uint64_t slot, uint32_t events) {
  const int fd = static_cast<int>((slot - kFrom) % 3);
  Stream *stream = &command->streams[fd];
  switch (stream->kind) {
  case Stream::kTerminal: ServeTerminal(command, slot, events); return;
  case Stream::kCapture:
    Capture(command, stream);
    if (command->over && !HasCaptures(*command)) TellEnd(command);
    return;
  case Stream::kRelay:
    Relay(command, stream, Token(command->id, static_cast<uint64_t>(fd)));
    if (stream->kind == Stream::kNone && command->told_closed) CleanUp(command);
    return;
  case Stream::kFeed: Feed(stream); return;
  default: return;
  }
}

// Adds to the count of stdout and stderr together. Beyond the limit *size shrinks to what is still within it, the tree
// is ended, and false is returned: nothing more is taken.
bool Watcher::CountOutput(Command *command, size_t *size) {
  command->output_bytes += *size;
  if (command->output_bytes <= command->output_limit) return true;
  uint64_t excess = std::min<uint64_t>(command->output_bytes - command->output_limit, *size);
  *size -= static_cast<size_t>(excess);
  std::lock_guard<std::mutex> lock(mutex_);
  Send(*command, SIGKILL, CAUSE_OUTPUT);
  return false;
}

void Watcher::Capture(Command *command, Stream *stream) {
  while (stream->from) {
    size_t old = stream->data.size();
    int waiting = 0;
    ioctl(stream->from.get(), FIONREAD, &waiting);
    stream->data.resize(old + static_cast<size_t>(std::max(waiting, 512)));
    ssize_t got = read(stream->from.get(), stream->data.data() + old, stream->data.size() - old);
    int error = errno;
    size_t size = got > 0 ? static_cast<size_t>(got) : 0;
    bool within = size == 0 || CountOutput(command, &size);
    stream->data.resize(old + size);
    if (got < 0 && error == EINTR) continue;
    if (got < 0 && error == EAGAIN) return;
    if (got <= 0 || !within) stream->from.reset();
  }
}

// A terminal's descriptors share an open file, see watcher_terminal.cc.
void Watcher::CloseSource(Stream *stream) {
  if (stream->kind == Stream::kTerminal && stream->from)
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, stream->from.get(), nullptr);
  stream->from.reset();
}

void Watcher::Drop(Stream *stream) {
  CloseSource(stream);
  if (stream->kind == Stream::kTerminal && stream->to)
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, stream->to.get(), nullptr);
  *stream = Stream();
}

// Reads into `data`. False when there is nothing now; at the end *finished, when some may have come, too.
bool Watcher::Take(Command *command, Stream *stream, bool *finished) {
  const bool typed = stream == &command->streams[0];
  stream->data.resize(65536);
  ssize_t got;
  do got = read(stream->from.get(), stream->data.data(), stream->data.size());
  while (got < 0 && errno == EINTR);
  int error = errno;
  size_t size = got > 0 ? static_cast<size_t>(got) : 0;
  if (IsDeserted(command, stream, got < 0 ? error : 0)) {
    stream->data.clear();
    return false;
  }
  *finished = got == 0 || (got < 0 && error != EAGAIN);
  if (typed && size) stream->in_line = stream->data[size - 1] != '\n' && stream->data[size - 1] != '\r';
  if (typed && *finished) size = EndOfInput(stream);
  if (!typed && size && !CountOutput(command, &size)) *finished = true;
  stream->data.resize(size);
  return got >= 0 || error != EAGAIN;
}

// Its source is not even watched meanwhile: that its writer has gone would be told again and again (epoll_ctl(2):
// EPOLLHUP needs not be asked for).
bool Watcher::WaitForReader(Stream *stream, bool wait, bool always, uint64_t from_token, uint64_t to_token) {
  const int to = stream->to.get(), from = stream->from.get();
  stream->waiting = wait;
  if (always && !Watch(epoll_.get(), to, wait ? uint32_t{EPOLLOUT} : 0u, to_token, EPOLL_CTL_MOD)) return false;
  if (!always && wait && !Watch(epoll_.get(), to, EPOLLOUT, to_token)) return false;
  if (!always && !wait) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, to, nullptr);
  if (from < 0) return true;
  return wait ? epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, from, nullptr) == 0
              : Watch(epoll_.get(), from, EPOLLIN, from_token);
}

// Of a command that has ended: to the end of file, unless others of its tree still have the pipe.
void Watcher::CaptureRest(Command *command, Stream *stream) {
  stream->held.reset();
  Capture(command, stream);
}

// One side at a time: while there is data to write the source is not read, and so the command feels the back-pressure.
void Watcher::Relay(Command *command, Stream *stream, uint64_t token) {
  const uint64_t fd = token & 0xff, base = token & ~static_cast<uint64_t>(0xff);
  const bool always = stream->kind == Stream::kTerminal && fd == 1; // `to` is watched, for its reader's end
  bool finished = false;
  for (int round = 0; stream->to; round++) {
    if (stream->done == stream->data.size()) {
      stream->done = 0;
      stream->data.clear();
      if (finished || !stream->from || round >= 64) break; // others wait; epoll calls again
      if (!Take(command, stream, &finished)) return;
      if (finished) CloseSource(stream);
      continue;
    }
    ssize_t wrote = WriteSome(*stream);
    if (wrote > 0) stream->done += static_cast<size_t>(wrote);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) {
      if (stream->waiting) return;
      if (!WaitForReader(stream, true, always, base | (kFrom + fd), base | (kTo + fd)))
        Drop(stream); // nobody would ever go on: the command learns it as EPIPE
      return;
    }
    if (wrote < 0) Drop(stream); // nobody reads any more
    if (stream->waiting && stream->done == stream->data.size() &&
        !WaitForReader(stream, false, always, base | (kFrom + fd), base | (kTo + fd)))
      Drop(stream);
  }
  if (!stream->from && stream->done == stream->data.size()) Drop(stream);
}

void Watcher::Feed(Stream *stream) {
  while (stream->done < stream->data.size()) {
    ssize_t wrote = write(stream->to.get(), stream->data.data() + stream->done, stream->data.size() - stream->done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0 && errno == EAGAIN) return;
    if (wrote < 0) break; // EPIPE: the command has closed its stdin, which is its right
    stream->done += static_cast<size_t>(wrote);
  }
  *stream = Stream();
}

} // namespace cofferdam
