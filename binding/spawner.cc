// One spawn, in order: channel, clone3, id maps, go; lent mounts; stdio, cgroup leaves. The child comes first, because
// executing init and booting take longer than the rest, which is made meanwhile. Each resource has an owner from the
// moment it exists, so that a failure anywhere just unwinds; a StepError becomes the event `failed`.
#include "spawner.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>

#include "id_map.h"
#include "init_image.h"
#include "launch.h"
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

// The child is stopped in LaunchChild until it reads GO.
void Release(const Request &request, const Launch &launch, int channel) {
  if (request.namespaces & CLONE_NEWUSER) WriteIdMaps(launch.pid, request);
  WriteClockOffsets(launch.pid, request);
  RaiseRights(launch.pid, request);
  wire_header go = {};
  go.magic = WIRE_MAGIC;
  go.kind = WIRE_GO;
  if (!SendPacket(channel, go, nullptr, 0, nullptr, 0, 0)) FailStep(STEP_CHANNEL, 0);
}

// Whether the peer has ended. Then executing init has failed, which Launch knows, or booting has: that report is in the
// channel, and the watcher will read it.
bool Gone() {
  return errno == EPIPE || errno == ECONNRESET;
}

// While the child executes init: what init needs to boot. While init boots: what the command needs.
void Provide(Request *request, Sandbox *sandbox, uint32_t flags) {
  const int channel = sandbox->channel.get();
  std::vector<UniqueFd> owned;
  std::vector<Loan> trees, loans;
  OpenTrees(*request, &owned, &trees);
  if (!SendRequest(channel, request->id, 0, trees, request->boot, {}, true) && !Gone()) FailStep(STEP_CHANNEL, 0);
  PrepareStdio(request, sandbox, &owned, &loans);
  MakeLeaves(*request, &sandbox->leaves, &owned, &loans);
  sandbox->leaf_paths = sandbox->leaves.paths;
  if (!SendRequest(channel, request->id, flags, loans, {}, request->exec, false) && !Gone()) FailStep(STEP_CHANNEL, 0);
}

// End of file makes the child exit, whether it still waits or already is init.
void Abandon(Launch *launch, Sandbox *sandbox) {
  sandbox->channel.reset();
  launch->WaitForExec();
  while (waitpid(launch->pid, nullptr, __WALL) < 0 && errno == EINTR) {
  }
}

void StartChild(const Request &request, int inits_cgroup, Launch *launch) {
  sys_clone_args args = {};
  args.flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | request.namespaces;
  UniqueFd network = request.network_ahead ? TakeNetwork() : UniqueFd();
  if (!EnterNetwork(network.get())) FailStep(STEP_CLONE, 0);
  if (network) args.flags &= ~static_cast<uint64_t>(CLONE_NEWNET);
  if (inits_cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = static_cast<uint64_t>(inits_cgroup);
  }
  long result = launch->Start(args);
  if (result < 0) FailStep(STEP_CLONE, 0, static_cast<int>(-result));
}

// May throw with the sandbox half made: its leaves and workdir are then removed by the watcher.
void Spawn(Request *request, Sandbox *sandbox) {
  GroupHold groups(*request);
  MakeWorkdir(*request, sandbox); // before the child: it may start the janitor, on this thread's launch stack
  UniqueFd theirs;
  Launch launch;
  launch.image = Check(InitImage(), STEP_INIT_IMAGE, 0);
  if (!OpenChannel(&sandbox->channel, &theirs)) FailStep(STEP_CHANNEL, 0);
  launch.channel = theirs.get();
  launch.capabilities = request->namespaces & CLONE_NEWUSER ? request->init_capabilities : 0;
  launch.drop_bounding_set = launch.capabilities && request->no_capabilities;
  StartChild(*request, groups.inits(), &launch);
  sandbox->pidfd.reset(launch.pidfd);
  sandbox->init_pid = launch.pid;
  theirs.reset();
  try {
    Release(*request, launch, sandbox->channel.get());
    Provide(request, sandbox, launch.drop_bounding_set ? WIRE_BOUNDING_SET_EMPTY : 0);
    launch.WaitForExec();
    if (launch.error) FailStep(STEP_EXEC_INIT, 0, launch.error);
  } catch (const StepError &) {
    Abandon(&launch, sandbox);
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

void Spawner::Submit(std::unique_ptr<Request> request) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_.push_back(std::move(request));
  if (idle_ < queue_.size() && threads_.size() < ThreadLimit()) threads_.emplace_back([this] { Run(); });
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
