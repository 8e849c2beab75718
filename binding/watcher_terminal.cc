// The watcher's terminals: between the master of a command's terminal and the two pipes whose other ends JavaScript
// has.
//
// Why JavaScript does not have the master itself. libuv writes to a terminal that is no slave in blocking mode
// (uv_tty), so that a program that does not read would stop the event loop; reading one fails with EIO where it should
// end; and `limits.output` counts what passes here. With pipes, a terminal's streams behave as any other command's,
// back-pressure included: nothing is read from the master while its reader is slow, and the kernel stops whoever writes
// to the slave.
//
// The master is closed, which hangs the terminal up, when JavaScript has closed its end of the output, and when the
// tree is dead: another command of the box may have opened the slave, too. The kernel then sends SIGHUP to the leader
// of the session and to what is in its foreground. That nobody has the slave open (EIO) is no reason while the command
// lives: it may have closed what it has no use for, and would be ended by that; it can open it again.
//
// Its three descriptors share an open file: epoll forgets a descriptor only with the last of them (epoll(7), Q6), so
// each is taken out of it before it is closed alone.
#include <fcntl.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "watcher.h"
#include "watcher_tokens.h"

namespace cofferdam {
namespace {

constexpr size_t kRestMax = 262144; // more than a terminal holds (4 KiB and 64 KiB of buffers)

} // namespace

// With the master that came with STARTED; false with errno.
bool Watcher::OpenTerminal(Command *command, UniqueFd master) {
  Stream &typed = command->streams[0], &shown = command->streams[1];
  shown.from.reset(fcntl(master.get(), F_DUPFD_CLOEXEC, 0));
  UniqueFd resized(fcntl(master.get(), F_DUPFD_CLOEXEC, 0));
  if (!shown.from || !resized) return false;
  typed.to = std::move(master);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    command->terminal = std::move(resized);
  }
  return Watch(epoll_.get(), typed.from.get(), EPOLLIN, Token(command->id, kFrom)) &&
         Watch(epoll_.get(), shown.from.get(), EPOLLIN, Token(command->id, kFrom + 1)) &&
         Watch(epoll_.get(), shown.to.get(), 0, Token(command->id, kTo + 1)); // only for its reader's end
}

bool Watcher::Resize(uint32_t id, uint16_t columns, uint16_t rows) {
  winsize size = {};
  size.ws_col = columns;
  size.ws_row = rows;
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = commands_.find(id);
  if (found == commands_.end() || found->second->over || !found->second->terminal) return false;
  return ioctl(found->second->terminal.get(), TIOCSWINSZ, &size) == 0;
}

// All its descriptors at once: what is on its way to the reader is dropped.
void Watcher::HangUp(Command *command) {
  command->streams[0] = Stream();
  command->streams[1] = Stream();
  std::lock_guard<std::mutex> lock(mutex_);
  command->terminal.reset();
}

// `command` may be gone afterwards.
void Watcher::ServeTerminal(Command *command, uint64_t slot, uint32_t events) {
  const int fd = static_cast<int>((slot - kFrom) % 3);
  Stream *stream = &command->streams[fd];
  if (stream->kind != Stream::kTerminal) return;
  if (slot == kTo + 1 && events & (EPOLLERR | EPOLLHUP))
    HangUp(command);
  else
    Relay(command, stream, Token(command->id, static_cast<uint64_t>(fd)));
  if (fd == 0 || stream->kind != Stream::kNone) return;
  HangUp(command);
  if (command->told_closed) CleanUp(command);
}

// Nobody can have it open again without its being watched, edge-triggered: EPOLLHUP stays meanwhile.
bool Watcher::IsDeserted(Command *command, Stream *stream, int error) {
  if (stream->kind != Stream::kTerminal || stream != &command->streams[1] || command->over) return false;
  const bool deserted = error == EIO || (error != 0 && stream->deserted);
  if (std::exchange(stream->deserted, deserted) != deserted)
    Watch(epoll_.get(), stream->from.get(), EPOLLIN | (deserted ? uint32_t{EPOLLET} : 0u),
          Token(command->id, kFrom + 1), EPOLL_CTL_MOD);
  return deserted;
}

// What ends a program's input when JavaScript has ended its own: what a user would type at the beginning of a line, or
// twice where a line has been begun (termios(3), VEOF).
size_t Watcher::EndOfInput(Stream *stream) {
  termios settings;
  const uint8_t eof = tcgetattr(stream->to.get(), &settings) < 0 ? 4 : settings.c_cc[VEOF];
  if (eof == _POSIX_VDISABLE) return 0;
  const size_t count = stream->in_line ? 2 : 1;
  for (size_t i = 0; i < count; i++) stream->data[i] = eof;
  return count;
}

// All that the command itself has written is here or in the kernel now, however slow the reader: it is counted, for
// `limits.output`. Reading a master first moves what its driver still has (n_tty.c).
void Watcher::TakeRest(Command *command) {
  Stream *stream = &command->streams[1];
  if (stream->kind != Stream::kTerminal || !stream->from) return;
  bool within = true;
  while (within && stream->data.size() - stream->done < kRestMax) {
    const size_t old = stream->data.size();
    stream->data.resize(old + 4096);
    const ssize_t got = read(stream->from.get(), stream->data.data() + old, 4096);
    const int error = errno;
    size_t size = got > 0 ? static_cast<size_t>(got) : 0;
    within = size == 0 || CountOutput(command, &size);
    stream->data.resize(old + size);
    if (got < 0 && error == EINTR) continue;
    if (got <= 0) break;
  }
}

// Its tree is dead, or it never came to be.
void Watcher::EndTerminal(Command *command) {
  Stream *shown = &command->streams[1];
  if (shown->kind != Stream::kTerminal) return;
  TakeRest(command);
  CloseSource(shown);
  command->streams[0] = Stream();
  {
    std::lock_guard<std::mutex> lock(mutex_);
    command->terminal.reset();
  }
  Relay(command, shown, Token(command->id, 1));
}

} // namespace cofferdam
