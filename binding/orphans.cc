// A live owner holds a lock on its group's directory (flock(2), which knows every open file, also on cgroupfs); the
// kernel lets go of it when the owner dies, however it dies. The pid in the name alone would not do: it means nothing
// in another pid namespace, and is used again; but where it is a live process's the group is left alone, whatever the
// lock says. A group that cannot be removed yet (EBUSY) is left for the next one who looks.
#include "orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

namespace cofferdam {
namespace {

constexpr char kPrefix[] = "cofferdam.";

std::vector<std::string> Directories(const std::string &path) {
  std::vector<std::string> names;
  std::unique_ptr<DIR, int (*)(DIR *)> directory(opendir(path.c_str()), closedir);
  while (dirent *entry = directory ? readdir(directory.get()) : nullptr)
    if (entry->d_type == DT_DIR && entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  return names;
}

std::string Below(const std::string &directory, const std::string &name) {
  std::string path = directory;
  return path.append("/").append(name);
}

bool NamesLiveProcess(const std::string &name) {
  const pid_t pid = static_cast<pid_t>(strtol(name.c_str() + strlen(kPrefix), nullptr, 10));
  return pid > 0 && (kill(pid, 0) == 0 || errno == EPERM);
}

void KillMembers(const std::string &group) {
  UniqueFd fd(open((group + "/cgroup.kill").c_str(), O_WRONLY | O_CLOEXEC)); // 5.14, v2
  [[maybe_unused]] ssize_t wrote = fd ? write(fd.get(), "1", 1) : 0;
}

} // namespace

UniqueFd MarkGroup(const std::string &path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || flock(fd.get(), LOCK_EX | LOCK_NB) < 0) return UniqueFd();
  struct stat now, marked;
  const bool same = stat(path.c_str(), &now) == 0 && fstat(fd.get(), &marked) == 0 && now.st_ino == marked.st_ino;
  if (!same) errno = ENOENT; // removed between the two calls
  return same ? std::move(fd) : UniqueFd();
}

void RemoveOrphans(const std::string &base) {
  for (const std::string &name : Directories(base)) {
    if (name.compare(0, strlen(kPrefix), kPrefix) != 0 || NamesLiveProcess(name)) continue;
    const std::string group = Below(base, name);
    UniqueFd mark = MarkGroup(group);
    if (!mark) continue;
    KillMembers(group);
    for (const std::string &leaf : Directories(group)) rmdir(Below(group, leaf).c_str());
    rmdir(group.c_str());
  }
}

} // namespace cofferdam
