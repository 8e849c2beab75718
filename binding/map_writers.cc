// Runs newuidmap and newgidmap for a child that waits; see map_writers.h.
//
// They are started by posix_spawn(3), which shares our memory with them until they execute (CLONE_VM | CLONE_VFORK): no
// page table is copied. This thread sleeps meanwhile, as it may. What they get is fixed: no input, an environment that
// holds nothing of ours, no signal blocked or ignored, no descriptor of ours (all are CLOEXEC; what Node itself was
// started with may stay open in them for that short while). What they print is kept for the error. They ask the host's
// user database, which may be on a network: so their time is limited.
#include "map_writers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "step_error.h"

namespace cofferdam {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{10};
constexpr size_t kMaxSaid = 500;

// The attributes and file actions of a spawn, which have to be given back.
class SpawnOptions {
public:
  explicit SpawnOptions(int output) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setsigmask(&attributes_, &none);
    posix_spawnattr_setsigdefault(&attributes_, &all);
    posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, 1);
    posix_spawn_file_actions_adddup2(&actions_, output, 2);
  }
  SpawnOptions(const SpawnOptions &) = delete;
  ~SpawnOptions() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }

  // An errno, or 0.
  int Spawn(pid_t *pid, const std::vector<std::string> &words) const {
    std::vector<char *> argv;
    argv.reserve(words.size() + 1);
    for (const std::string &word : words) argv.push_back(const_cast<char *>(word.c_str()));
    argv.push_back(nullptr);
    char locale[] = "LC_ALL=C";
    char *envp[] = {locale, nullptr};
    return posix_spawn(pid, argv[0], &actions_, &attributes_, argv.data(), envp);
  }

private:
  posix_spawnattr_t attributes_;
  posix_spawn_file_actions_t actions_;
};

// One of the two programs, from its start to its end. It is reaped here, whatever happens.
class MapWriter {
public:
  MapWriter(const std::string &path, const char *map_file, uint32_t which, pid_t child, const Birthright &right)
      : name_(path.substr(path.rfind('/') + 1)), map_path_("/proc/" + std::to_string(child) + "/" + map_file) {
    std::vector<std::string> words = {path, std::to_string(child)};
    for (const IdMapLine &line : right.id_map) {
      if (line.which != which) continue;
      for (uint32_t number : {line.inside, line.outside, line.count}) words.push_back(std::to_string(number));
    }
    Start(words);
  }
  MapWriter(const MapWriter &) = delete;
  ~MapWriter() { Reap(true); }

  // Throws StepError unless the map is written.
  void Finish(Clock::time_point deadline, uint32_t index) {
    if (pid_ < 0) Fail(index, error_, "it cannot be executed");
    if (!WaitForEnd(deadline)) Fail(index, ETIMEDOUT, "it did not end within 10 s");
    Hear();
    Reap(false);
    if (!written_) Fail(index, EPERM, "it wrote no map, and no reason");
  }

private:
  void Start(const std::vector<std::string> &words) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0) {
      error_ = errno;
      return;
    }
    output_.reset(ends[0]);
    UniqueFd theirs(ends[1]);
    pid_t pid;
    error_ = SpawnOptions(theirs.get()).Spawn(&pid, words);
    if (error_) return;
    pid_ = pid;
    pidfd_.reset(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  }

  // Without a pidfd (5.3) its output ends with it: it starts nothing.
  bool WaitForEnd(Clock::time_point deadline) {
    pollfd polled = {pidfd_ ? pidfd_.get() : output_.get(), POLLIN, 0};
    for (;;) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
      int result = poll(&polled, 1, static_cast<int>(std::max<long long>(0, left)));
      if (result < 0 && errno == EINTR) continue;
      if (result <= 0 || pidfd_ || polled.revents & POLLHUP) return result > 0;
      Hear();
    }
  }

  void Hear() {
    char buffer[512];
    ssize_t size;
    while ((size = read(output_.get(), buffer, sizeof buffer)) > 0)
      said_.append(buffer, std::min(static_cast<size_t>(size), kMaxSaid - std::min(kMaxSaid, said_.size())));
  }

  void Reap(bool end_it) {
    if (pid_ < 0) return;
    // It runs with our real id, so we may. Where we may not all the same, waiting for it could be for ever.
    const bool ends = !end_it || Kill() == 0;
    int status = 0;
    pid_t reaped;
    do reaped = waitpid(pid_, &status, ends ? 0 : WNOHANG);
    while (reaped < 0 && errno == EINTR);
    pid_ = -1;
    // Where SIGCHLD is ignored its status is lost; the map itself tells in any case.
    written_ = (reaped < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) && IsWritten();
  }

  long Kill() const {
    return pidfd_ ? syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0) : kill(pid_, SIGKILL);
  }

  bool IsWritten() const {
    UniqueFd fd(open(map_path_.c_str(), O_RDONLY | O_CLOEXEC));
    char byte;
    return fd && read(fd.get(), &byte, 1) == 1;
  }

  [[noreturn]] void Fail(uint32_t index, int error, const char *otherwise) {
    for (char &c : said_)
      if (static_cast<unsigned char>(c) < ' ') c = ' ';
    while (!said_.empty() && said_.back() == ' ') said_.pop_back();
    throw StepError{STEP_ID_MAP, index, error, said_.empty() ? name_ + ": " + otherwise : said_};
  }

  std::string name_, map_path_, said_;
  pid_t pid_ = -1;
  int error_ = 0;
  bool written_ = false;
  UniqueFd pidfd_;
  UniqueFd output_; // our end of the pipe that it prints to
};

} // namespace

void RunMapWriters(pid_t child, const Birthright &right) {
  const Clock::time_point deadline = Clock::now() + kPatience;
  const uint32_t index = right.id_map.front().index;
  MapWriter groups(right.newgidmap, "gid_map", 1, child, right);
  MapWriter users(right.newuidmap, "uid_map", 0, child, right);
  users.Finish(deadline, index);
  groups.Finish(deadline, index);
}

} // namespace cofferdam
