// One request, in order: an init, from the stock or born here; lent mounts; stdio, cgroup leaves. The init comes first,
// because executing it and booting take longer than the rest, which is made meanwhile. A request without a command ends
// after the mounts, one for a live box has only what comes after them. Each resource has an owner from the moment it
// exists, so that a failure anywhere just unwinds; a StepError becomes the event `failed`.
#include "spawner.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>

#include "newborn.h"
#include "seat.h"
#include "start_thread.h"
#include "stdio.h"
#include "step_error.h"
#include "stock.h"
#include "trees.h"

namespace cofferdam {
namespace {

constexpr size_t kMaxThreads = 4;
// For what is sent to the init of a box, which somebody may have stopped: all sandboxes share these threads. Once that
// has been waited for in vain, hardly any more.
constexpr timeval kSendTimeout = {1, 0}, kStuckTimeout = {0, 1000};

bool SetSendTimeout(const Box &box, const timeval &timeout) {
  return setsockopt(box.channel.get(), SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0;
}

// Asked once: the C library reads a file of sysfs each time.
size_t ThreadLimit() {
  static const size_t limit = std::min<size_t>(kMaxThreads, std::max(2u, std::thread::hardware_concurrency()));
  return limit;
}

void MakeWorkdir(const Request &request, Box *box) {
  if (request.workdir.empty()) return;
  if (!ClaimDirectory(request.workdir)) FailStep(STEP_WORKDIR, request.workdir_index, EBUSY);
  box->workdir = request.workdir;
  if (mkdir(request.workdir.c_str(), 0700) < 0 && errno != EEXIST) FailStep(STEP_WORKDIR, request.workdir_index);
}

// Where the caller may not do so either, the command's own attempt will fail, and say so.
void RaiseRights(pid_t child, const Request &request) {
  for (const RlimitSpec &spec : request.rlimits) {
    const auto resource = static_cast<decltype(RLIMIT_CPU)>(spec.resource);
    rlimit limit;
    if (prlimit(child, resource, nullptr, &limit) < 0 || limit.rlim_max >= spec.hard) continue; // never lowered here
    limit.rlim_max = spec.hard;
    prlimit(child, resource, &limit, nullptr);
  }
  if (request.has_nice) setpriority(PRIO_PROCESS, static_cast<id_t>(child), request.nice);
}

// What init needs to boot.
void ProvideBoot(const Request &request, Box *box, bool more) {
  std::vector<UniqueFd> owned;
  std::vector<Loan> trees;
  OpenTrees(request, request.trees, &owned, &trees);
  if (!SendRequest(box->channel.get(), request.id, 0, trees, request.boot, {}, {more, 0}) && !PeerHasEnded())
    FailStep(STEP_CHANNEL, 0);
}

// What a command needs. Its request is one packet, whole or not at all: others may be sending to the same init.
// True when its process was not made ahead: then commands come in a close row, or side by side.
bool ProvideCommand(Request *request, Command *command) {
  std::vector<UniqueFd> owned;
  std::vector<Loan> loans;
  const bool several = request->box || !(request->namespaces & CLONE_NEWPID);
  Place place;
  if (request->box)
    TakePlace(command->box.get(), &place);
  else
    place.parked = !command->leaves.paths.empty(); // with an init from the stock
  try {
    PrepareStdio(request, command, place.kit.get(), &owned, &loans);
  } catch (...) {
    if (request->box) ReturnPlace(command->box.get(), &place);
    throw;
  }
  const bool seated = place.parked;
  if (!place.leaves.paths.empty()) std::swap(command->leaves, place.leaves);
  const bool made = command->leaves.paths.empty();
  if (made) MakeLeaves({*request, request->hierarchies, several}, &command->leaves, &owned, &loans);
  loans.insert(loans.end(), place.loans.begin(), place.loans.end());
  command->leaf_paths = command->leaves.paths;
  const uint32_t flags =
      BoundingSet(*request) | (seated ? WIRE_SEATED : 0) | (request->box && !request->tell_start ? WIRE_SILENT : 0);
  const bool sent = SendRequest(command->box->channel.get(), request->id, flags, loans, {}, request->exec, {false, 0});
  if (sent) OpenStat(&command->leaves);
  // Of an init that is being born there will be a report; a box that has died while it was idle has read nothing of
  // this.
  if (sent || (!request->box && PeerHasEnded())) return !seated;
  const int error = errno;
  if (request->box && !made) {
    std::swap(command->leaves, place.leaves);
    ReturnPlace(command->box.get(), &place);
  }
  if (error == EAGAIN) SetSendTimeout(*command->box, kStuckTimeout);
  FailStep(STEP_CHANNEL, 0, error);
}

// May throw with the box half made: its workdir, and the command's leaves, are then removed by the watcher.
void Spawn(Request *request, Box *box, Command *command) {
  box->groups = GroupHold(*request, request->hierarchies);
  MakeWorkdir(*request, box); // before the child: it may start the janitor, on this thread's launch stack
  Newborn newborn;
  std::optional<Birth> birth;
  box->launching = request->stocked;
  if (!TakeBlank(*request, &newborn)) {
    birth.emplace(*request, box->groups.inits(), false);
    newborn = birth->Take();
  }
  box->channel = std::move(newborn.channel);
  box->pidfd = std::move(newborn.pidfd);
  box->network = std::move(newborn.network);
  box->init_pid = newborn.pid;
  if (command) command->leaves = std::move(newborn.leaves);
  if (!command && WantsSeat(*request)) {
    box->seat.wanted = true;
    box->seat.right = *request;
    box->seat.owner = request->owner;
    box->seat.hierarchies = request->hierarchies;
    box->seat.shared = request->shared;
  }
  try {
    if (!command && !SetSendTimeout(*box, kSendTimeout)) FailStep(STEP_CHANNEL, 0);
    RaiseRights(newborn.pid, *request);
    ProvideBoot(*request, box, command);
    if (command) ProvideCommand(request, command);
    if (birth) birth->Join();
  } catch (...) { // also for want of memory
    Abandon(&box->channel, newborn.pid);
    throw;
  }
}

void Serve(std::unique_ptr<Request> request, Watcher *watcher) {
  std::shared_ptr<Box> box, next; // box: a new one
  std::unique_ptr<Command> command;
  if (request->box) {
    command = NewCommand(*request, watcher->Find(request->box));
    if (command->box) EnterBox(command->box.get());
  } else {
    box = std::make_shared<Box>();
    box->id = request->id;
    box->one_shot = !request->exec.empty();
    if (box->one_shot) command = NewCommand(*request, box);
  }
  StepError failure = {STEP_REQUEST, 0, 0};
  try {
    if (watcher->IsCancelled(request->id)) FailStep(STEP_REQUEST, 0, ECANCELED);
    if (box) {
      Spawn(request.get(), box.get(), command.get());
    } else if (command->box) { // otherwise the watcher tells that it is lost
      GroupHold groups(*request, request->hierarchies);
      if (ProvideCommand(request.get(), command.get())) next = command->box;
    }
  } catch (const StepError &error) {
    failure = error;
    if (box) box->groups.Suspect();
  } catch (const std::bad_alloc &) {
    failure = {STEP_REQUEST, 0, ENOMEM};
  }
  watcher->Add(std::move(box), std::move(command), failure);
  if (next) PrepareSoon(next);
}

} // namespace

bool Spawner::Start() {
  std::lock_guard<std::mutex> lock(mutex_);
  return !threads_.empty() || AddThread();
}

// With mutex_ held.
bool Spawner::AddThread() {
  return StartThread([this] { threads_.emplace_back([this] { Run(); }); });
}

// Without the lock the thread that is woken finds it free: otherwise it would wait for this one, and this one for it.
void Spawner::Submit(std::unique_ptr<Request> request) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(request));
    if (idle_ < queue_.size() && threads_.size() < ThreadLimit()) AddThread(); // one is enough
  }
  wake_.notify_one();
}

void Spawner::Run() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr); // launch.h demands it
  pthread_setname_np(pthread_self(), "cofferdam-spawn");
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    idle_++;
    wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    idle_--;
    if (stopping_) return;
    std::unique_ptr<Request> request = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    Serve(std::move(request), watcher_);
    lock.lock();
  }
}

void Spawner::Stop() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  for (std::thread &thread : threads_) thread.join();
  threads_.clear();
}

} // namespace cofferdam
