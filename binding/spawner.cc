// One spawn, in order: an init, from the stock or born here; lent mounts; stdio, cgroup leaves. The init comes first,
// because executing it and booting take longer than the rest, which is made meanwhile. Each resource has an owner from
// the moment it exists, so that a failure anywhere just unwinds; a StepError becomes the event `failed`.
#include "spawner.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "newborn.h"
#include "stdio.h"
#include "step_error.h"
#include "stock.h"
#include "trees.h"

namespace cofferdam {
namespace {

constexpr size_t kMaxThreads = 4;

// Asked once: the C library reads a file of sysfs each time.
size_t ThreadLimit() {
  static const size_t limit = std::min<size_t>(kMaxThreads, std::max(2u, std::thread::hardware_concurrency()));
  return limit;
}

void MakeWorkdir(const Request &request, Sandbox *sandbox) {
  if (request.workdir.empty()) return;
  if (!ClaimDirectory(request.workdir)) FailStep(STEP_WORKDIR, request.workdir_index, EBUSY);
  sandbox->workdir = request.workdir;
  if (mkdir(request.workdir.c_str(), 0700) < 0 && errno != EEXIST) FailStep(STEP_WORKDIR, request.workdir_index);
}

// Where the caller may not do so either, the command's own attempt will fail, and say so.
void RaiseRights(pid_t child, const Request &request) {
  for (const RlimitSpec &spec : request.rlimits) {
    const auto resource = static_cast<__rlimit_resource>(spec.resource);
    rlimit64 limit;
    if (prlimit64(child, resource, nullptr, &limit) < 0 || limit.rlim_max >= spec.hard) continue; // never lowered here
    limit.rlim_max = spec.hard;
    prlimit64(child, resource, &limit, nullptr);
  }
  if (request.has_nice) setpriority(PRIO_PROCESS, static_cast<id_t>(child), request.nice);
}

// What init needs to boot, and while it boots, what the command needs.
void Provide(Request *request, Sandbox *sandbox) {
  const int channel = sandbox->channel.get();
  std::vector<UniqueFd> owned;
  std::vector<Loan> trees, loans;
  OpenTrees(*request, request->trees, &owned, &trees);
  if (!SendRequest(channel, request->id, 0, trees, request->boot, {}, true) && !PeerHasEnded())
    FailStep(STEP_CHANNEL, 0);
  PrepareStdio(request, sandbox, &owned, &loans);
  MakeLeaves(*request, &sandbox->leaves, &owned, &loans);
  sandbox->leaf_paths = sandbox->leaves.paths;
  const bool dropped = request->namespaces & CLONE_NEWUSER && request->no_capabilities;
  const uint32_t flags = dropped ? WIRE_BOUNDING_SET_EMPTY : 0;
  if (!SendRequest(channel, request->id, flags, loans, {}, request->exec, false) && !PeerHasEnded())
    FailStep(STEP_CHANNEL, 0);
}

// May throw with the sandbox half made: its leaves and workdir are then removed by the watcher.
void Spawn(Request *request, Sandbox *sandbox) {
  GroupHold groups(*request, request->hierarchies);
  MakeWorkdir(*request, sandbox); // before the child: it may start the janitor, on this thread's launch stack
  Newborn newborn;
  std::optional<Birth> birth;
  sandbox->launching = request->stocked;
  if (!TakeBlank(*request, &newborn)) {
    birth.emplace(*request, groups.inits(), false);
    newborn = birth->Take();
  }
  sandbox->channel = std::move(newborn.channel);
  sandbox->pidfd = std::move(newborn.pidfd);
  sandbox->network = std::move(newborn.network);
  sandbox->init_pid = newborn.pid;
  try {
    RaiseRights(newborn.pid, *request);
    Provide(request, sandbox);
    if (birth) birth->Join();
  } catch (const StepError &) {
    Abandon(&sandbox->channel, newborn.pid);
    throw;
  }
}

void Serve(std::unique_ptr<Request> request, Watcher *watcher) {
  auto sandbox = std::make_unique<Sandbox>();
  sandbox->id = request->id;
  sandbox->collect = request->collect;
  sandbox->output_limit = request->output_limit;
  StepError failure = {STEP_REQUEST, 0, 0};
  try {
    if (watcher->IsCancelled(request->id)) FailStep(STEP_REQUEST, 0, ECANCELED);
    Spawn(request.get(), sandbox.get());
  } catch (const StepError &error) {
    failure = error;
  }
  watcher->Add(std::move(sandbox), failure);
}

} // namespace

// Without the lock the thread that is woken finds it free: otherwise it would wait for this one, and this one for it.
void Spawner::Submit(std::unique_ptr<Request> request) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    queue_.push_back(std::move(request));
    if (idle_ < queue_.size() && threads_.size() < ThreadLimit()) threads_.emplace_back([this] { Run(); });
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
