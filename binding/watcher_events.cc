// What the watcher does when something has been made, when init reports, and when init ends; see watcher.h.
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "seat.h"
#include "stock.h"
#include "watcher.h"
#include "watcher_tokens.h"
#include "workdir.h"

namespace cofferdam {
namespace {

void EndLaunch(Box *box) {
  if (std::exchange(box->launching, false)) LaunchIsOver();
}

} // namespace

// ---- what the spawners have made ------------------------------------------------------------------------------------

void Watcher::Adopt() {
  std::vector<Made> added;
  std::vector<Adopted> adopted;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    added = std::move(added_);
    added_.clear();
    for (Made &made : added) adopted.push_back(Register(&made));
  }
  for (const Adopted &one : adopted) {
    if (!one.failure.error && one.box && !WatchBox(one.box.get()))
      GiveUp(one, {STEP_CHANNEL, 0, errno});
    else if (one.failure.error)
      GiveUp(one, one.failure);
    else if (one.command)
      WatchCommand(one.command, one.watched);
  }
}

// With mutex_ held. An End that came in between reaches init now, behind its request.
Watcher::Adopted Watcher::Register(Made *made) {
  Adopted adopted = {made->box, made->command.get(), made->failure, made->watched};
  const uint32_t id = made->box ? made->box->id : made->command->id;
  const uint32_t cause = expected_[id];
  expected_.erase(id);
  if (made->box) boxes_[id] = std::move(made->box);
  if (made->command) {
    if (made->command->box) made->command->box->commands.push_back(adopted.command);
    commands_[id] = std::move(made->command);
  }
  if (cause == CAUSE_NONE || made->failure.error) return adopted;
  adopted.command ? static_cast<void>(Send(*adopted.command, SIGKILL, cause)) : EndBox(adopted.box.get(), cause);
  return adopted;
}

bool Watcher::WatchBox(Box *box) {
  if (Watch(epoll_.get(), box->pidfd.get(), EPOLLIN, Token(box->id, kPidfd)) &&
      Watch(epoll_.get(), box->channel.get(), EPOLLIN, Token(box->id, kChannel)))
    return true;
  const int error = errno;
  syscall(SYS_pidfd_send_signal, box->pidfd.get(), SIGKILL, nullptr, 0);
  waitid(static_cast<idtype_t>(3 /* P_PIDFD */), static_cast<id_t>(box->pidfd.get()), nullptr, WEXITED | __WALL);
  errno = error;
  return false;
}

bool Watcher::WatchStreams(Command *command) {
  bool watched = true;
  for (uint64_t fd = 0; fd < 3 && watched; fd++) {
    Stream &stream = command->streams[fd];
    if (stream.kind == Stream::kTerminal) continue; // once its master has come
    if (stream.from) watched = Watch(epoll_.get(), stream.from.get(), EPOLLIN, Token(command->id, kFrom + fd));
    if (stream.kind == Stream::kFeed)
      watched = Watch(epoll_.get(), stream.to.get(), EPOLLOUT, Token(command->id, kTo + fd));
  }
  return watched;
}

// Nobody would serve its streams: it is ended, at once and by the way that any end takes, and was never started.
void Watcher::Refuse(Command *command, int error) {
  if (!End(command->id, CAUSE_ABORT)) KillLeaves(command->leaves);
  wire_event event = {};
  event.phase = PHASE_HOST;
  event.step = STEP_STDIO;
  event.error = error;
  TellFailed(nullptr, command, event);
  for (Stream &stream : command->streams) stream = Stream();
  std::lock_guard<std::mutex> lock(mutex_);
  command->terminal.reset();
}

// A command of a live box may have been reported on before it came here, or have outlived its box.
void Watcher::WatchCommand(Command *command, bool watched) {
  if (!watched && !WatchStreams(command)) Refuse(command, errno);
  std::shared_ptr<Box> box = command->box;
  if (box && !box->early.empty()) {
    auto early = std::move(box->early);
    box->early.clear();
    for (Report &report : early) OnEvent(box.get(), std::move(report)); // others than ours come back
  }
  if (box && !box->init_gone) return;
  SetOver(command);
  EndStreams(command);
  CleanUp(command);
}

// It was not started: nobody has written to its streams, and nobody will.
void Watcher::GiveUp(const Adopted &one, const StepError &failure) {
  wire_event event = {};
  event.phase = PHASE_HOST;
  event.step = failure.step;
  event.index = failure.index;
  event.error = failure.error;
  if (one.box) {
    std::lock_guard<std::mutex> lock(mutex_);
    one.box->init_gone = true;
  }
  if (one.box) EndLaunch(one.box.get());
  OnFailed(one.box.get(), one.command, event, failure.said);
  if (one.command) {
    for (Stream &stream : one.command->streams) stream = Stream();
    CleanUp(one.command);
  } else {
    CleanUp(one.box.get());
  }
}

// ---- what init reports ----------------------------------------------------------------------------------------------

void Watcher::ReadChannel(Box *box) {
  Report report;
  Received received;
  while ((received = ReceiveEvent(box->channel.get(), &report)) == Received::kEvent) OnEvent(box, std::move(report));
  // The pidfd tells the rest.
  if (received == Received::kEnd) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, box->channel.get(), nullptr);
}

void Watcher::OnEvent(Box *box, Report report) {
  const wire_event &event = report.event;
  auto found = commands_.find(event.id);
  Command *command = found != commands_.end() && found->second->box.get() == box ? found->second.get() : nullptr;
  // The ahead part belongs to no id.
  const bool own = event.id == 0 || event.id == box->id;
  if (own && !command && box->one_shot && !box->commands.empty()) command = box->commands.front();
  if (event.kind == WIRE_READY) {
    EndLaunch(box);
    Event ready(Event::kReady, box->id);
    ready.pid = box->init_pid;
    Tell(std::move(ready));
    auto shared = boxes_.find(box->id);
    if (shared != boxes_.end()) ParkSoon(shared->second);
  } else if (own && !command) {
    EndLaunch(box);
    if (event.kind == WIRE_FAILED) OnFailed(box, nullptr, event);
  } else if (!command) {
    box->early.push_back(std::move(report));
  } else if (event.kind == WIRE_STARTED) {
    OnStarted(command, std::move(report));
  } else if (event.kind == WIRE_EXITED) {
    OnExited(command, event);
  } else if (event.kind == WIRE_FAILED) {
    EndLaunch(box);
    OnFailed(box, command, event);
    for (Stream &stream : command->streams)
      if (!box->one_shot) stream = Stream();
    if (!box->one_shot) dying_.push_back(command->id);
  }
}

void Watcher::OnStarted(Command *command, Report report) {
  EndLaunch(command->box.get());
  command->pid = report.event.pid ? static_cast<pid_t>(report.event.pid) : report.pid;
  if (!command->tell_start || command->told_end) return;
  if (report.truncated) errno = EMFILE;
  if (report.truncated || (report.terminal && !OpenTerminal(command, std::move(report.terminal)))) {
    Refuse(command, errno);
    return;
  }
  Event started(Event::kStarted, command->id);
  started.pid = command->pid;
  started.cgroups = command->leaf_paths;
  for (int fd = 0; fd < 3; fd++) started.stdio[fd] = std::exchange(command->parent_stdio[fd], -1);
  Tell(std::move(started));
}

void Watcher::SetOver(Command *command) {
  std::lock_guard<std::mutex> lock(mutex_);
  command->over = true;
  if (command->box) CloseIfIdle(command->box.get());
}

// `command` is null when it is the box itself that cannot be made.
void Watcher::OnFailed(Box *box, Command *command, const wire_event &event, const std::string &said) {
  if (command) SetOver(command);
  if (command || box) TellFailed(box, command, event, said);
}

void Watcher::TellFailed(Box *box, Command *command, const wire_event &event, const std::string &said) {
  bool &told = command ? command->told_end : box->told_end;
  if (std::exchange(told, true)) return;
  Event failed(Event::kFailed, command ? command->id : box->id);
  failed.wire = event;
  if (!said.empty()) failed.stats.push_back(said);
  Tell(std::move(failed));
}

// The figures are read before init lets go of the tree: it reports first and tears down afterwards.
void Watcher::OnExited(Command *command, const wire_event &event) {
  SetOver(command);
  command->exit = event;
  command->exit.kind = WIRE_EXITED;
  command->stats = ReadStats(command->leaves);
  TakeRest(command);
  for (int fd = 1; fd < 3; fd++)
    if (command->streams[fd].kind == Stream::kCapture) CaptureRest(command, &command->streams[fd]);
  if (!command->collect || !HasCaptures(*command)) TellEnd(command);
  if (command->streams[1].kind == Stream::kTerminal) ServeTerminal(command, kFrom + 1, 0);
  if (!command->box->one_shot) dying_.push_back(command->id); // else its init is about to end
}

// A command that came to init together with the end of its box was ended by init without a word of why; one that init
// did not end in time was ended from here.
static uint32_t CauseOfEnd(const Command &command) {
  const uint32_t told = command.exit.cause;
  if (told != CAUSE_NONE || !WIFSIGNALED(command.exit.status) || WTERMSIG(command.exit.status) != SIGKILL) return told;
  if (command.end_cause != CAUSE_NONE) return command.end_cause;
  return command.box ? command.box->end_cause.load() : told;
}

void Watcher::TellEnd(Command *command) {
  if (command->told_end || command->exit.kind != WIRE_EXITED) return;
  command->told_end = true;
  Event exited(Event::kExited, command->id);
  exited.wire = command->exit;
  exited.wire.cause = CauseOfEnd(*command);
  exited.pid = command->pid;
  exited.cgroups = command->leaf_paths;
  exited.stats = std::move(command->stats);
  uint64_t pending = 0;
  for (Stream &stream : command->streams) {
    int waiting = 0;
    const bool counted =
        stream.kind == Stream::kRelay || (stream.kind == Stream::kTerminal && &stream == &command->streams[1]);
    if (counted && stream.from && ioctl(stream.from.get(), FIONREAD, &waiting) == 0)
      pending += static_cast<uint64_t>(waiting);
  }
  if (command->output_limit != kUnlimited) {
    uint64_t total = command->output_bytes + pending;
    exited.output_bytes = static_cast<int64_t>(total);
    if (total > command->output_limit && exited.wire.cause == CAUSE_NONE) exited.wire.cause = CAUSE_OUTPUT;
  }
  exited.collected = command->collect;
  if (command->collect) { // otherwise a relay may still hold data for a slow reader
    exited.out = std::move(command->streams[1].data);
    exited.err = std::move(command->streams[2].data);
  }
  Tell(std::move(exited));
}

// ---- the end --------------------------------------------------------------------------------------------------------

// Of a command whose tree is dead: a pipe of its may be open elsewhere, in another command of the box for one.
void Watcher::EndStreams(Command *command) {
  for (Stream &stream : command->streams) {
    if (stream.kind == Stream::kCapture) {
      CaptureRest(command, &stream);
      stream.from.reset();
    }
    if (stream.kind == Stream::kFeed) stream = Stream();
  }
  EndTerminal(command);
  TellEnd(command);
  if (std::exchange(command->told_end, true)) return;
  Tell(Event(Event::kLost, command->id));
}

// init is a zombie now, and with it died its pid namespace: reap, then remove what is left.
void Watcher::OnInitEnd(Box *box) {
  ReadChannel(box);
  siginfo_t info = {};
  waitid(static_cast<idtype_t>(3 /* P_PIDFD */), static_cast<id_t>(box->pidfd.get()), &info,
         WEXITED | WNOHANG | __WALL);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, box->pidfd.get(), nullptr);
  epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, box->channel.get(), nullptr);
  EndLaunch(box);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    box->init_gone = true;
    box->pidfd.reset();
    for (Command *command : box->commands) command->over = true;
  }
  const std::vector<Command *> commands = box->commands; // which shrinks meanwhile
  for (Command *command : commands) EndStreams(command);
  if (!box->one_shot && !box->closing && !std::exchange(box->told_end, true)) Tell(Event(Event::kLost, box->id));
  for (Command *command : commands) CleanUp(command);
  CleanUp(box);
}

// Removes the leaves of a command that is over. One whose output is still being relayed stays until its reader is done.
void Watcher::CleanUp(Command *command) {
  if (!command->told_closed) {
    if (!RemoveLeaves(&command->leaves)) {
      if (std::find(dying_.begin(), dying_.end(), command->id) == dying_.end()) dying_.push_back(command->id);
      return;
    }
    EndStreams(command);
    TellClosed(command);
  }
  const bool relays = std::any_of(std::begin(command->streams), std::end(command->streams), [](const Stream &stream) {
    return (stream.kind == Stream::kRelay || stream.kind == Stream::kTerminal) && stream.to;
  });
  if (relays && !command->collect) return;
  std::lock_guard<std::mutex> lock(mutex_);
  commands_.erase(command->id);
}

// A box goes before the last of its commands says so, when that speaks for both, and otherwise after it.
void Watcher::TellClosed(Command *command) {
  std::shared_ptr<Box> box;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    box = std::move(command->box);
    if (box) box->commands.erase(std::remove(box->commands.begin(), box->commands.end(), command), box->commands.end());
  }
  if (box && box->one_shot) CleanUp(box.get());
  command->told_closed = true;
  Tell(Event(Event::kClosed, command->id));
  if (!box || box->one_shot) return;
  if (LeaveBox(box.get()) && !box->init_gone) ParkSoon(box);
  CleanUp(box.get());
}

// Once init is reaped and all commands are closed.
void Watcher::CleanUp(Box *box) {
  if (!box->init_gone || box->told_closed || !box->commands.empty()) return;
  box->told_closed = true;
  RemoveSeat(box);
  RemoveWorkdir(&box->workdir);
  ReturnNetwork(std::move(box->network));
  box->groups = GroupHold();
  if (!box->one_shot) Tell(Event(Event::kClosed, box->id));
  std::lock_guard<std::mutex> lock(mutex_);
  boxes_.erase(box->id);
}

} // namespace cofferdam
