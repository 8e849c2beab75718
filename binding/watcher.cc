// See watcher.h for the theory of operation. Here is what other threads call, and the thread itself with all that waits
// for time to pass; what is done when init reports or ends is in watcher_events.cc.
#include "watcher.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "seat.h"
#include "start_thread.h"
#include "stock.h"
#include "watcher_tokens.h"
#include "workdir.h"

namespace cofferdam {
namespace {

constexpr int kRetryMs = 5;
constexpr int64_t kEndMs = 1000;

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void KillInit(const Box &box) {
  if (box.pidfd) syscall(SYS_pidfd_send_signal, box.pidfd.get(), SIGKILL, nullptr, 0);
}

void ReapInit(const Box &box) {
  if (box.pidfd)
    waitid(static_cast<idtype_t>(3 /* P_PIDFD */), static_cast<id_t>(box.pidfd.get()), nullptr, WEXITED | __WALL);
}

} // namespace

bool Watcher::Start() {
  if (thread_.joinable()) return true;
  epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
  wakeup_.reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_ || !wakeup_ || !Watch(epoll_.get(), wakeup_.get(), EPOLLIN, 0)) return false;
  return StartThread([this] { thread_ = std::thread([this] { Run(); }); });
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

std::shared_ptr<Box> Watcher::Find(uint32_t id) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = boxes_.find(id);
  const bool live = found != boxes_.end() && !found->second->init_gone && !found->second->closing;
  return live ? found->second : nullptr;
}

void Watcher::Add(std::shared_ptr<Box> box, std::unique_ptr<Command> command, const StepError &failure) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    added_.push_back({std::move(box), std::move(command), failure});
  }
  Wake();
}

// With the lock held while it is sent, nobody can end the box or the command without knowing of it.
bool Watcher::AddAtOnce(std::unique_ptr<Command> *command, const std::function<bool()> &send) {
  if (!WatchStreams(command->get())) return false;
  std::lock_guard<std::mutex> lock(mutex_);
  const Box &box = *(*command)->box;
  if (stopping_ || box.init_gone || box.closing || !send()) return false;
  added_.push_back({nullptr, std::move(*command), {STEP_REQUEST, 0, 0}, true});
  return true;
}

// With mutex_ held: a command that init has been told of, and the watcher thread has not seen yet.
Command *Watcher::FindSent(uint32_t id) {
  for (const Made &made : added_)
    if (made.command && made.command->id == id && !made.failure.error) return made.command.get();
  return nullptr;
}

// With mutex_ held. The channel is a queue of its own: a KILL sent now is read after the request.
bool Watcher::Send(const Command &command, uint32_t signal, uint32_t cause) {
  if (command.over || !command.box || command.box->init_gone) return false;
  wire_header header = {};
  header.magic = WIRE_MAGIC;
  header.kind = WIRE_KILL;
  header.id = command.id;
  header.a = signal;
  header.b = cause;
  return SendPacket(command.box->channel.get(), header, nullptr, 0, nullptr, 0, MSG_DONTWAIT);
}

bool Watcher::Kill(uint32_t id, int signal) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = commands_.find(id);
  return found != commands_.end() && Send(*found->second, static_cast<uint32_t>(signal), CAUSE_NONE);
}

// With mutex_ held.
void Watcher::EndBox(Box *box, uint32_t cause) {
  box->closing = true;
  box->end_cause = cause;
  for (const Command *command : box->commands) Send(*command, SIGKILL, cause);
  for (const Made &made : added_)
    if (made.command && made.command->box.get() == box && !made.failure.error) Send(*made.command, SIGKILL, cause);
  CloseIfIdle(box);
}

// With mutex_ held.
bool Watcher::IsBusy(const Box *box) const {
  const auto runs = [](const Command *command) { return !command->over; };
  const auto comes = [box](const Made &made) { return made.command && made.command->box.get() == box; };
  return std::any_of(box->commands.begin(), box->commands.end(), runs) ||
         std::any_of(added_.begin(), added_.end(), comes);
}

// With mutex_ held. init reads the end of file behind all that was sent before, and exits.
void Watcher::CloseIfIdle(Box *box) {
  if (box->closing && !IsBusy(box)) shutdown(box->channel.get(), SHUT_WR);
}

bool Watcher::End(uint32_t id, uint32_t cause) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto expected = expected_.find(id);
  auto found = commands_.find(id);
  Command *command = found != commands_.end() ? found->second.get() : FindSent(id);
  if (!command && expected != expected_.end()) {
    expected->second = cause;
    return true;
  }
  auto box = boxes_.find(id);
  if (command) {
    if (!Send(*command, SIGKILL, cause)) return false;
    command->end_cause = cause;
  } else {
    if (box == boxes_.end() || box->second->init_gone) return false;
    EndBox(box->second.get(), cause);
  }
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

// Whether there was something to tell.
bool Watcher::WakeListener() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_ || events_.empty() || woken_) return false;
    woken_ = true;
  }
  wake_();
  return true;
}

// ---- the thread -----------------------------------------------------------------------------------------------------

// What JavaScript waits for is told before anything is cleaned up.
void Watcher::Run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "cofferdam-watch");
  epoll_event ready[64];
  int timeout = -1;
  for (;;) {
    int count = epoll_wait(epoll_.get(), ready, 64, timeout);
    for (int i = 0; i < count; i++)
      if (ready[i].data.u64 == 0) Drain();
    Adopt(); // first: what is ready may be of a command that has been added without a word
    for (int i = 0; i < count; i++)
      if (ready[i].data.u64 != 0) Dispatch(ready[i].data.u64, ready[i].events);
    // The kernel likes to put whom we wake on our processor, and what follows is in no hurry.
    if (WakeListener()) sched_yield();
    timeout = Tick();
    WakeListener();
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return;
  }
}

void Watcher::Drain() {
  uint64_t drained;
  [[maybe_unused]] ssize_t size = read(wakeup_.get(), &drained, sizeof drained);
}

void Watcher::Dispatch(uint64_t token, uint32_t events) {
  const uint32_t id = static_cast<uint32_t>(token >> 8);
  const uint64_t slot = token & 0xff;
  if (slot == kChannel || slot == kPidfd) {
    auto found = boxes_.find(id);
    if (found == boxes_.end()) return;
    std::shared_ptr<Box> box = found->second; // it may leave the map meanwhile
    slot == kChannel ? ReadChannel(box.get()) : OnInitEnd(box.get());
    return;
  }
  auto found = commands_.find(id);
  if (found != commands_.end()) ServeStream(found->second.get(), slot, events);
}

// An init that does not do what it is told to in time (somebody has stopped it) is killed, with all that is in its box.
// For one command of several that would be too much: its leaf is killed from here.
int Watcher::KillOverdue() {
  std::lock_guard<std::mutex> lock(mutex_);
  int64_t now = NowMs(), next = -1;
  for (auto it = ending_.begin(); it != ending_.end();) {
    auto command = commands_.find(it->first);
    auto box = boxes_.find(it->first);
    const bool live =
        command != commands_.end() ? !command->second->over : box != boxes_.end() && !box->second->init_gone;
    if (live && it->second > now) {
      next = next < 0 ? it->second - now : std::min(next, it->second - now);
      ++it;
      continue;
    }
    if (live && box != boxes_.end()) KillInit(*box->second);
    if (live && box == boxes_.end()) KillLeaves(command->second->leaves);
    it = ending_.erase(it);
  }
  return static_cast<int>(next);
}

// Everything that waits for time to pass; returns the milliseconds until the next of it, or -1.
int Watcher::Tick() {
  std::vector<uint32_t> dying = std::move(dying_);
  dying_.clear();
  for (uint32_t id : dying) {
    auto found = commands_.find(id);
    if (found != commands_.end()) CleanUp(found->second.get());
  }
  int next = -1;
  for (int wait : {SweepGroups(false), KillOverdue(), dying_.empty() ? -1 : kRetryMs})
    if (wait >= 0) next = next < 0 ? wait : std::min(next, wait);
  return next;
}

// ---- the end of the environment ------------------------------------------------------------------------------------

void Watcher::KillAll() {
  for (auto &[id, box] : boxes_) {
    if (std::exchange(box->launching, false)) LaunchIsOver();
    box->channel.reset(); // no spawner is left to use it
    KillInit(*box);
  }
  for (auto &[id, box] : boxes_) ReapInit(*box);
  for (int attempt = 0; attempt < 200; attempt++) {
    bool left = false;
    for (auto &[id, command] : commands_) left |= !RemoveLeaves(&command->leaves);
    if (!left) break;
    usleep(kRetryMs * 1000);
  }
  for (auto &[id, box] : boxes_) {
    RemoveSeat(box.get());
    RemoveWorkdir(&box->workdir);
  }
  commands_.clear();
  boxes_.clear();
}

void Watcher::Stop() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  Wake();
  thread_.join();
  for (Made &made : added_) Register(&made);
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
