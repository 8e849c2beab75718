// See watcher.h for the theory of operation.
#include "watcher.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "stock.h"
#include "watcher_tokens.h"

namespace cofferdam {
namespace {

constexpr int kRetryMs = 5;
constexpr int64_t kEndMs = 1000;

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void EndLaunch(Sandbox *sandbox) {
  if (std::exchange(sandbox->launching, false)) LaunchIsOver();
}

bool HasStreams(const Sandbox &sandbox) {
  return std::any_of(std::begin(sandbox.streams), std::end(sandbox.streams),
                     [](const Stream &stream) { return stream.kind != Stream::kNone; });
}

} // namespace

bool Watcher::Start() {
  if (thread_.joinable()) return true;
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  wakeup_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wakeup_ || !Watch(epoll_.get(), wakeup_.get(), EPOLLIN, 0)) return false;
  thread_ = std::thread([this] { Run(); });
  return true;
}

void Watcher::Expect(uint32_t id) {
  std::lock_guard<std::mutex> lock(mutex_);
  expected_[id] = CAUSE_NONE;
}

bool Watcher::IsCancelled(uint32_t id) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = expected_.find(id);
  return stopping_ || (found != expected_.end() && found->second != CAUSE_NONE);
}

void Watcher::Add(std::unique_ptr<Sandbox> sandbox, const StepError &failure) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    added_.emplace_back(std::move(sandbox), failure);
  }
  Wake();
}

// With mutex_ held. The channel is a queue of its own: a KILL sent now is read after the request.
bool Watcher::Send(uint32_t id, uint32_t signal, uint32_t cause) {
  auto found = sandboxes_.find(id);
  if (found == sandboxes_.end() || found->second->over || !found->second->channel) return false;
  wire_header header = {};
  header.magic = WIRE_MAGIC;
  header.kind = WIRE_KILL;
  header.id = id;
  header.a = signal;
  header.b = cause;
  return SendPacket(found->second->channel.get(), header, nullptr, 0, nullptr, 0, MSG_DONTWAIT);
}

bool Watcher::Kill(uint32_t id, int signal) {
  std::lock_guard<std::mutex> lock(mutex_);
  return Send(id, static_cast<uint32_t>(signal), CAUSE_NONE);
}

bool Watcher::End(uint32_t id, uint32_t cause) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = expected_.find(id);
  if (found != expected_.end()) {
    found->second = cause;
    return true;
  }
  if (!Send(id, SIGKILL, cause)) return false;
  ending_.emplace(id, NowMs() + kEndMs);
  Wake();
  return true;
}

void Watcher::Wake() {
  uint64_t one = 1;
  [[maybe_unused]] ssize_t wrote = write(wakeup_.get(), &one, sizeof one);
}

std::vector<Event> Watcher::TakeEvents() {
  std::lock_guard<std::mutex> lock(mutex_);
  woken_ = false;
  return std::move(events_);
}

void Watcher::Tell(Event event) {
  std::lock_guard<std::mutex> lock(mutex_);
  events_.push_back(std::move(event));
}

// ---- the thread -----------------------------------------------------------------------------------------------------

void Watcher::Run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "cofferdam-watch");
  epoll_event ready[64];
  int timeout = -1;
  for (;;) {
    int count = epoll_wait(epoll_.get(), ready, 64, timeout);
    for (int i = 0; i < count; i++) {
      if (ready[i].data.u64 == 0)
        Adopt();
      else
        Dispatch(ready[i].data.u64, ready[i].events);
    }
    timeout = Tick();
    bool wake = false;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      if (stopping_) return;
      if (!events_.empty() && !woken_) wake = woken_ = true;
    }
    if (wake) wake_();
  }
}

// Takes over what the spawners have made. An End that came in between reaches init now, behind its request.
void Watcher::Adopt() {
  uint64_t drained;
  [[maybe_unused]] ssize_t size = read(wakeup_.get(), &drained, sizeof drained);
  std::vector<std::pair<std::unique_ptr<Sandbox>, StepError>> added;
  std::vector<std::pair<Sandbox *, StepError>> live;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    added = std::move(added_);
    added_.clear();
    for (auto &[owned, failure] : added) {
      Sandbox *sandbox = owned.get();
      uint32_t cause = expected_[sandbox->id];
      expected_.erase(sandbox->id);
      sandboxes_[sandbox->id] = std::move(owned);
      if (cause != CAUSE_NONE) Send(sandbox->id, SIGKILL, cause);
      live.emplace_back(sandbox, failure);
    }
  }
  for (auto &[sandbox, failure] : live) {
    if (!failure.error) {
      bool watched = Watch(epoll_.get(), sandbox->pidfd.get(), EPOLLIN, Token(sandbox->id, kPidfd)) &&
                     Watch(epoll_.get(), sandbox->channel.get(), EPOLLIN, Token(sandbox->id, kChannel));
      if (watched) {
        WatchStreams(sandbox);
        continue;
      }
      failure = {STEP_CHANNEL, 0, errno};
      syscall(SYS_pidfd_send_signal, sandbox->pidfd.get(), SIGKILL, nullptr, 0);
      waitid(static_cast<idtype_t>(3 /* P_PIDFD */), static_cast<id_t>(sandbox->pidfd.get()), nullptr,
             WEXITED | __WALL);
    }
    wire_event event = {};
    event.phase = PHASE_HOST;
    event.step = failure.step;
    event.index = failure.index;
    event.error = failure.error;
    TellFailure(sandbox, event, failure.said);
    sandbox->init_gone = true;
    for (Stream &stream : sandbox->streams) stream = Stream(); // nobody has written, nobody will
    CleanUp(sandbox);
  }
}

void Watcher::WatchStreams(Sandbox *sandbox) {
  for (uint64_t fd = 0; fd < 3; fd++) {
    Stream &stream = sandbox->streams[fd];
    if (stream.from) Watch(epoll_.get(), stream.from.get(), EPOLLIN, Token(sandbox->id, kFrom + fd));
    if (stream.kind == Stream::kFeed) Watch(epoll_.get(), stream.to.get(), EPOLLOUT, Token(sandbox->id, kTo + fd));
  }
}

void Watcher::Dispatch(uint64_t token, uint32_t) {
  auto found = sandboxes_.find(static_cast<uint32_t>(token >> 8));
  if (found == sandboxes_.end()) return;
  Sandbox *sandbox = found->second.get();
  uint64_t slot = token & 0xff;
  if (slot == kChannel)
    ReadChannel(sandbox);
  else if (slot == kPidfd)
    OnInitEnd(sandbox);
  else
    ServeStream(sandbox, static_cast<int>((slot - kFrom) % 3));
}

void Watcher::ReadChannel(Sandbox *sandbox) {
  wire_event event;
  pid_t pid = 0;
  Received received;
  while (sandbox->channel && (received = ReceiveEvent(sandbox->channel.get(), &event, &pid)) != Received::kNothing) {
    if (received == Received::kEnd) {
      epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, sandbox->channel.get(), nullptr);
      return; // the pidfd tells the rest
    }
    if (event.kind == WIRE_STARTED) {
      EndLaunch(sandbox);
      sandbox->command_pid = event.pid ? static_cast<pid_t>(event.pid) : pid;
      if (sandbox->collect) continue;
      Event started(Event::kStarted, sandbox->id);
      started.pid = sandbox->command_pid;
      started.cgroups = sandbox->leaf_paths;
      for (int fd = 0; fd < 3; fd++) started.stdio[fd] = std::exchange(sandbox->parent_stdio[fd], -1);
      Tell(std::move(started));
    } else if (event.kind == WIRE_FAILED) {
      TellFailure(sandbox, event);
    } else if (event.kind == WIRE_EXITED) {
      OnExited(sandbox, event);
    }
  }
}

void Watcher::TellFailure(Sandbox *sandbox, const wire_event &event, const std::string &said) {
  EndLaunch(sandbox);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    sandbox->over = true;
  }
  if (sandbox->told_end) return;
  sandbox->told_end = true;
  Event failed(Event::kFailed, sandbox->id);
  failed.wire = event;
  if (!said.empty()) failed.stats.push_back(said);
  Tell(std::move(failed));
}

// The figures are read before init lets go of the tree: it reports first and tears down afterwards.
void Watcher::OnExited(Sandbox *sandbox, const wire_event &event) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    sandbox->over = true;
  }
  sandbox->exit = event;
  sandbox->exit.kind = WIRE_EXITED;
  sandbox->stats = ReadStats(sandbox->leaves);
  for (int fd = 1; fd < 3; fd++)
    if (sandbox->streams[fd].kind == Stream::kCapture) Capture(sandbox, &sandbox->streams[fd]);
  if (!sandbox->collect || !HasCaptures(*sandbox)) TellEnd(sandbox);
}

void Watcher::TellEnd(Sandbox *sandbox) {
  if (sandbox->told_end || sandbox->exit.kind != WIRE_EXITED) return;
  sandbox->told_end = true;
  Event exited(Event::kExited, sandbox->id);
  exited.wire = sandbox->exit;
  exited.pid = sandbox->command_pid;
  exited.cgroups = sandbox->leaf_paths;
  exited.stats = std::move(sandbox->stats);
  uint64_t pending = 0;
  for (Stream &stream : sandbox->streams) {
    int waiting = 0;
    if (stream.kind == Stream::kRelay && stream.from && ioctl(stream.from.get(), FIONREAD, &waiting) == 0)
      pending += static_cast<uint64_t>(waiting);
  }
  if (sandbox->output_limit != kUnlimited) {
    uint64_t total = sandbox->output_bytes + pending;
    exited.output_bytes = static_cast<int64_t>(total);
    if (total > sandbox->output_limit && exited.wire.cause == CAUSE_NONE) exited.wire.cause = CAUSE_OUTPUT;
  }
  exited.collected = sandbox->collect;
  if (sandbox->collect) { // otherwise a relay may still hold data for a slow reader
    exited.out = std::move(sandbox->streams[1].data);
    exited.err = std::move(sandbox->streams[2].data);
  }
  Tell(std::move(exited));
}

// init is a zombie now, and with it died its pid namespace: reap, then remove what is left.
void Watcher::OnInitEnd(Sandbox *sandbox) {
  ReadChannel(sandbox);
  siginfo_t info = {};
  waitid(static_cast<idtype_t>(3 /* P_PIDFD */), static_cast<id_t>(sandbox->pidfd.get()), &info,
         WEXITED | WNOHANG | __WALL);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, sandbox->pidfd.get(), nullptr);
  sandbox->init_gone = true;
  EndLaunch(sandbox);
  for (int fd = 0; fd < 3; fd++) {
    Stream &stream = sandbox->streams[fd];
    if (stream.kind == Stream::kCapture && stream.from) {
      Capture(sandbox, &stream);
      stream.from.reset();
    }
    if (stream.kind == Stream::kFeed) stream = Stream();
  }
  TellEnd(sandbox);
  if (!sandbox->told_end) {
    sandbox->told_end = true;
    Tell(Event(Event::kLost, sandbox->id));
  }
  {
    std::lock_guard<std::mutex> lock(mutex_);
    sandbox->over = true;
    sandbox->channel.reset();
  }
  sandbox->pidfd.reset();
  CleanUp(sandbox);
}

// Removes leaves and workdir; a sandbox whose output is still being relayed stays until its reader is done.
void Watcher::CleanUp(Sandbox *sandbox) {
  if (!sandbox->told_closed) {
    if (!RemoveLeaves(&sandbox->leaves)) {
      if (std::find(dying_.begin(), dying_.end(), sandbox->id) == dying_.end()) dying_.push_back(sandbox->id);
      return;
    }
    if (!sandbox->workdir.empty()) {
      std::error_code ignored;
      chmod((sandbox->workdir + "/work").c_str(), 0700); // overlayfs makes it with mode 0
      std::filesystem::remove_all(sandbox->workdir, ignored);
      ReleaseDirectory(sandbox->workdir);
    }
    ReturnNetwork(std::move(sandbox->network));
    sandbox->told_closed = true;
    Tell(Event(Event::kClosed, sandbox->id));
  }
  if (HasStreams(*sandbox) && !sandbox->collect) {
    bool relays = std::any_of(std::begin(sandbox->streams), std::end(sandbox->streams),
                              [](const Stream &stream) { return stream.kind == Stream::kRelay && stream.to; });
    if (relays) return;
  }
  std::lock_guard<std::mutex> lock(mutex_);
  sandboxes_.erase(sandbox->id);
}

// An init that does not end its tree when told to (somebody has stopped it) is killed, and its leaf after it.
int Watcher::KillOverdue() {
  std::lock_guard<std::mutex> lock(mutex_);
  int64_t now = NowMs(), next = -1;
  for (auto it = ending_.begin(); it != ending_.end();) {
    auto found = sandboxes_.find(it->first);
    bool over = found == sandboxes_.end() || found->second->over;
    if (!over && it->second > now) {
      next = next < 0 ? it->second - now : std::min(next, it->second - now);
      ++it;
      continue;
    }
    if (!over) syscall(SYS_pidfd_send_signal, found->second->pidfd.get(), SIGKILL, nullptr, 0);
    it = ending_.erase(it);
  }
  return static_cast<int>(next);
}

// Everything that waits for time to pass; returns the milliseconds until the next of it, or -1.
int Watcher::Tick() {
  std::vector<uint32_t> dying = std::move(dying_);
  dying_.clear();
  for (uint32_t id : dying) {
    auto found = sandboxes_.find(id);
    if (found != sandboxes_.end()) CleanUp(found->second.get());
  }
  int next = -1;
  for (int wait : {SweepGroups(false), KillOverdue(), dying_.empty() ? -1 : kRetryMs})
    if (wait >= 0) next = next < 0 ? wait : std::min(next, wait);
  return next;
}

// ---- the end of the environment ------------------------------------------------------------------------------------

void Watcher::KillAll() {
  for (auto &[id, sandbox] : sandboxes_) {
    EndLaunch(sandbox.get());
    sandbox->channel.reset();
    if (sandbox->pidfd) syscall(SYS_pidfd_send_signal, sandbox->pidfd.get(), SIGKILL, nullptr, 0);
  }
  for (auto &[id, sandbox] : sandboxes_)
    if (sandbox->pidfd)
      waitid(static_cast<idtype_t>(3 /* P_PIDFD */), static_cast<id_t>(sandbox->pidfd.get()), nullptr,
             WEXITED | __WALL);
  for (int attempt = 0; attempt < 200; attempt++) {
    bool left = false;
    for (auto &[id, sandbox] : sandboxes_) left |= !RemoveLeaves(&sandbox->leaves);
    if (!left) break;
    usleep(kRetryMs * 1000);
  }
  for (auto &[id, sandbox] : sandboxes_) {
    if (sandbox->workdir.empty()) continue;
    std::error_code ignored;
    chmod((sandbox->workdir + "/work").c_str(), 0700); // overlayfs makes it with mode 0
    std::filesystem::remove_all(sandbox->workdir, ignored);
    ReleaseDirectory(sandbox->workdir);
  }
  sandboxes_.clear();
}

void Watcher::Stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  for (auto &[sandbox, failure] : added_) sandboxes_[sandbox->id] = std::move(sandbox);
  added_.clear();
  KillAll();
  for (Event &event : events_) // never delivered, so the pipe ends in them are still ours
    for (int fd : event.stdio)
      if (fd >= 0) close(fd);
  events_.clear();
  DrainStock();
  SweepGroups(true);
}

} // namespace cofferdam
