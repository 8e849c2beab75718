// Id maps and clock offsets, written from outside; see id_map.h.
#include "id_map.h"

#include <fcntl.h>
#include <linux/prctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <string>

#include "init/sys.h"
#include "map_writers.h"
#include "step_error.h"

namespace cofferdam {
namespace {

bool WriteProc(pid_t pid, const char *file, const std::string &text) {
  std::string path = "/proc/" + std::to_string(pid) + "/" + file;
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::string MapText(const Birthright &request, uint32_t which) {
  std::string text;
  for (const IdMapLine &line : request.id_map) {
    if (line.which != which) continue;
    text += std::to_string(line.inside) + " " + std::to_string(line.outside) + " " + std::to_string(line.count) + "\n";
  }
  return text;
}

// Sleeps until it is killed; shares our memory, so it does nothing else. Should this process die first it must not be
// left over: the thread that made it waits for it, so its parent-death signal means just that. And it holds nothing.
int SleepForever(void *parent) {
  sys_call3(__NR_close_range, 0, ~0u, 0);
  sys_call5(__NR_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  while (sys_call0(__NR_getppid) == static_cast<long>(reinterpret_cast<intptr_t>(parent)))
    sys_call5(__NR_ppoll, 0, 0, 0, 0, 0);
  return 0;
}

UniqueFd MakeNamespace(const Birthright &request) {
  alignas(16) static char stack[4096]; // the caller holds the lock, and the child is gone when we return
  int pidfd_number = -1;
  sys_clone_args args = {};
  args.flags = CLONE_VM | CLONE_PIDFD | CLONE_NEWUSER | CLONE_CLEAR_SIGHAND;
  args.pidfd = reinterpret_cast<uint64_t>(&pidfd_number);
  args.stack = reinterpret_cast<uint64_t>(stack);
  args.stack_size = sizeof stack;
  long pid = sys_clone3_call(&args, SleepForever, reinterpret_cast<void *>(static_cast<intptr_t>(getpid())));
  if (pid < 0) {
    errno = static_cast<int>(-pid);
    return UniqueFd();
  }
  UniqueFd pidfd(pidfd_number), result;
  pid_t child = static_cast<pid_t>(pid);
  std::string path = "/proc/" + std::to_string(child) + "/ns/user";
  if (WriteProc(child, "gid_map", MapText(request, 1)) && WriteProc(child, "uid_map", MapText(request, 0)))
    result.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  int error = errno;
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  errno = error;
  return result;
}

} // namespace

void WriteIdMaps(pid_t child, const Birthright &request) {
  if (request.id_map.empty()) return;
  if (!request.newuidmap.empty()) return RunMapWriters(child, request);
  uint32_t index = request.id_map.front().index;
  if (request.deny_setgroups && !WriteProc(child, "setgroups", "deny")) FailStep(STEP_ID_MAP, index);
  if (!WriteProc(child, "gid_map", MapText(request, 1))) FailStep(STEP_ID_MAP, index);
  if (!WriteProc(child, "uid_map", MapText(request, 0))) FailStep(STEP_ID_MAP, index);
}

void WriteClockOffsets(pid_t child, const Birthright &request) {
  if (!request.has_clock_offsets) return;
  std::string text = "monotonic " + std::to_string(request.monotonic_s) + " " + std::to_string(request.monotonic_ns) +
                     "\nboottime " + std::to_string(request.boottime_s) + " " + std::to_string(request.boottime_ns) +
                     "\n";
  if (!WriteProc(child, "timens_offsets", text)) FailStep(STEP_CLOCK_OFFSET, request.clock_index);
}

int IdMapNamespace(const Birthright &request) {
  static std::mutex mutex;
  static auto *cache = new std::map<std::string, int>(); // never destroyed: spawner threads may outlive exit()
  std::lock_guard<std::mutex> lock(mutex);
  std::string key = MapText(request, 0) + "|" + MapText(request, 1);
  auto found = cache->find(key);
  if (found != cache->end()) return found->second;
  UniqueFd fd = MakeNamespace(request);
  if (!fd) return -1;
  int number = fd.release();
  (*cache)[key] = number;
  return number;
}

} // namespace cofferdam
