// Making, limiting, reading and removing cgroups; see cgroup.h.
#include "cgroup.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <map>
#include <mutex>
#include <set>

#include "janitor.h"
#include "monotonic_condition.h"
#include "orphans.h"
#include "step_error.h"

namespace cofferdam {
namespace {

constexpr int64_t kLingerMs = 250;
constexpr int64_t kClaimMs = 500;
constexpr int kMarkAttempts = 10;

struct Group {
  std::string path;
  uint32_t version = 0;
  UniqueFd mark;                   // says that its owner lives (orphans.h)
  bool handed_over = false;        // to InitOwner(), if it has to be
  std::shared_ptr<UniqueFd> inits; // the directory, shared with those who hold the group
  std::set<std::string> written;   // controllers enabled and group files written so far
  int users = 0;                   // leaves and holds
  int64_t idle_since = 0;
};

struct State {
  std::mutex mutex;
  std::map<std::string, Group> groups; // by base directory and owner
  std::set<std::string> guarded;
  std::set<std::string> searched; // bases that have been looked through for orphans
  MonotonicCondition released;
  uint64_t next_leaf = 1;
  Janitor janitor;
};

State &Shared() {
  static State *state = new State(); // never destroyed: other threads may run while exit() does
  return *state;
}

int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

std::string GroupName() {
  static const std::string name = [] {
    unsigned random = 0;
    if (getrandom(&random, sizeof random, 0) < 0) random = static_cast<unsigned>(NowMs());
    char text[48];
    snprintf(text, sizeof text, "cofferdam.%d.%08x", getpid(), random);
    return std::string(text);
  }();
  return name;
}

bool WriteFile(const std::string &path, const std::string &value) {
  UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd && write(fd.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size());
}

std::string ReadAll(const UniqueFd &fd) {
  std::string text;
  char buffer[4096];
  ssize_t size;
  while (fd && (size = read(fd.get(), buffer, sizeof buffer)) > 0) text.append(buffer, static_cast<size_t>(size));
  return text;
}

UniqueFd OpenFile(const std::string &path) {
  return UniqueFd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

// The host id of the namespace's root, which init becomes: it puts commands into leaves, so the kernel wants it to be
// able to write the leaf's and the group's cgroup.procs. -1 where init keeps the caller's own id.
int64_t InitOwner(const Birthright &right) {
  if (!right.newuidmap.empty()) return -1;
  for (const IdMapLine &line : right.id_map)
    if (line.which == 0 && line.inside == 0 && line.count > 1) return line.outside;
  return -1;
}

void HandOver(const std::string &directory, int64_t owner, uint32_t index) {
  if (owner < 0) return;
  if (chown((directory + "/cgroup.procs").c_str(), static_cast<uid_t>(owner), static_cast<gid_t>(-1)) < 0)
    FailStep(STEP_CGROUP, index);
}

// "+memory +pids" is written word by word: one that the kernel refuses must not take the others along.
void EnableControllers(Group *group, const HierarchySpec &spec) {
  for (size_t at = 0; at < spec.enable.size();) {
    size_t end = spec.enable.find(' ', at);
    if (end == std::string::npos) end = spec.enable.size();
    std::string word = spec.enable.substr(at, end - at);
    at = end + 1;
    if (word.empty() || group->written.count(word)) continue;
    bool base_done = WriteFile(spec.base + "/cgroup.subtree_control", word);
    if (!WriteFile(group->path + "/cgroup.subtree_control", word))
      FailStep(STEP_CGROUP, spec.index, base_done ? errno : EBUSY);
    group->written.insert(word);
  }
}

// Until it is marked, somebody who looks for orphans may take it for one and remove it.
bool MakeMarked(const std::string &path, UniqueFd *mark) {
  for (int attempt = 0; attempt < kMarkAttempts; attempt++) {
    if (mkdir(path.c_str(), 0755) < 0 && errno != EEXIST) return false;
    *mark = MarkGroup(path);
    if (*mark || (errno != ENOENT && errno != EWOULDBLOCK)) break;
  }
  return static_cast<bool>(*mark);
}

void SetUpGroup(State &state, Group *group, const HierarchySpec &spec, int64_t owner) {
  if (group->path.empty()) {
    if (state.searched.insert(spec.base).second) RemoveOrphans(spec.base);
    std::string path = spec.base + "/" + GroupName();
    if (owner >= 0) path += "." + std::to_string(owner);
    state.janitor.Remember(path); // before it exists: a SIGKILL may come at any moment
    if (!MakeMarked(path, &group->mark)) {
      int error = errno;
      state.janitor.Forget(path);
      FailStep(STEP_CGROUP, spec.index, error);
    }
    group->path = path;
    group->version = spec.version;
    group->handed_over = spec.version != 2;
  }
  if (!group->handed_over) HandOver(group->path, owner, spec.index);
  group->handed_over = true;
  EnableControllers(group, spec);
  if (spec.version == 2 && !group->inits) {
    std::string inits = group->path + "/init";
    if (mkdir(inits.c_str(), 0755) < 0 && errno != EEXIST) FailStep(STEP_CGROUP, spec.index);
    group->inits = std::make_shared<UniqueFd>(
        Check(open(inits.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC), STEP_CGROUP, spec.index));
  }
  for (const CgroupFile &file : spec.group_writes) {
    if (group->written.count(file.file)) continue;
    if (!WriteFile(group->path + "/" + file.file, file.value)) FailStep(STEP_CGROUP, file.index);
    group->written.insert(file.file);
  }
}

void OpenLeaf(bool several, const HierarchySpec &spec, const std::string &leaf, std::vector<UniqueFd> *owned,
              std::vector<Loan> *loans) {
  auto lend = [&](uint32_t role, UniqueFd fd) {
    loans->push_back({role, fd.get()});
    owned->push_back(std::move(fd));
  };
  auto open_in_leaf = [&](const std::string &file, int flags) {
    return UniqueFd(Check(open((leaf + file).c_str(), flags | O_CLOEXEC), STEP_CGROUP, spec.index));
  };
  if (spec.version == 2) {
    lend(ROLE_LEAF << 16, open_in_leaf("", O_PATH | O_DIRECTORY));
    // Elsewhere the tree ends with its pid namespace.
    if (several) lend(ROLE_KILL << 16, open_in_leaf("/cgroup.kill", O_WRONLY));
  } else {
    lend(ROLE_PROCS << 16 | spec.index, open_in_leaf("/cgroup.procs", O_WRONLY));
  }
  if (spec.cpu_clock >= 0)
    lend(ROLE_CPU_CLOCK << 16 | static_cast<uint32_t>(spec.cpu_clock),
         open_in_leaf("/" + spec.cpu_clock_file, O_RDONLY));
}

// Somebody else may have removed an idle group. Looked for only when a sandbox has failed; the next one then makes what
// is missing again.
void ForgetIfRemoved(State &state, Group *group) {
  if (group->inits && access((group->path + "/init").c_str(), F_OK) < 0 && errno == ENOENT) group->inits.reset();
  if (group->path.empty() || access(group->path.c_str(), F_OK) == 0 || errno != ENOENT) return;
  state.janitor.Forget(group->path);
  group->path.clear();
  group->mark.reset();
  group->written.clear();
}

std::string GroupKey(const HierarchySpec &spec, int64_t owner) {
  return spec.base + "|" + std::to_string(owner);
}

} // namespace

GroupHold::GroupHold(const Birthright &right, const std::vector<HierarchySpec> &hierarchies) {
  State &state = Shared();
  int64_t owner = InitOwner(right);
  std::unique_lock<std::mutex> lock(state.mutex);
  try {
    for (const HierarchySpec &spec : hierarchies) {
      keys_.push_back(GroupKey(spec, owner));
      Group &group = state.groups[keys_.back()];
      group.users++;
      SetUpGroup(state, &group, spec, owner);
      if (spec.version == 2) inits_ = group.inits;
    }
  } catch (const StepError &) {
    lock.unlock();
    Release(true); // the destructor of a half-made object does not run
    throw;
  }
}

void GroupHold::Suspect() {
  State &state = Shared();
  std::lock_guard<std::mutex> lock(state.mutex);
  for (const std::string &key : keys_) ForgetIfRemoved(state, &state.groups.find(key)->second);
}

void GroupHold::Release(bool failed) {
  if (failed) Suspect();
  State &state = Shared();
  std::lock_guard<std::mutex> lock(state.mutex);
  for (const std::string &key : keys_) {
    auto found = state.groups.find(key);
    if (--found->second.users > 0) continue;
    found->second.idle_since = NowMs();
    if (found->second.path.empty()) state.groups.erase(found);
  }
  keys_.clear();
}

void MakeLeaves(const LeafSpec &wanted, Leaves *leaves, std::vector<UniqueFd> *owned, std::vector<Loan> *loans) {
  State &state = Shared();
  int64_t owner = InitOwner(wanted.right);
  uint64_t number = 0;
  for (const HierarchySpec &spec : wanted.hierarchies) {
    std::string leaf;
    {
      std::lock_guard<std::mutex> lock(state.mutex);
      Group &group = state.groups[GroupKey(spec, owner)];
      if (!number) number = state.next_leaf++;
      leaf = group.path + "/" + std::to_string(number);
      if (mkdir(leaf.c_str(), 0755) < 0) FailStep(STEP_CGROUP, spec.index);
      group.users++;
    }
    leaves->paths.push_back(leaf);
    leaves->stats.push_back(spec.stats);
    if (spec.version == 2) HandOver(leaf, owner, spec.index);
    for (const CgroupFile &file : spec.limits)
      if (!WriteFile(leaf + "/" + file.file, file.value) && !(file.optional && errno == ENOENT))
        FailStep(STEP_CGROUP_LIMIT, file.index);
    OpenLeaf(wanted.several, spec, leaf, owned, loans);
  }
}

void OpenStat(Leaves *leaves) {
  for (size_t i = 0; i < leaves->paths.size() && !leaves->first_stat; i++) {
    if (leaves->stats[i].empty()) continue;
    leaves->first_stat = OpenFile(leaves->paths[i] + "/" + leaves->stats[i].front().file);
    return;
  }
}

std::vector<std::string> ReadStats(const Leaves &leaves) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < leaves.paths.size(); i++)
    for (const CgroupFile &file : leaves.stats[i]) {
      const bool open = texts.empty() && leaves.first_stat;
      texts.push_back(open ? ReadAll(leaves.first_stat) : ReadAll(OpenFile(leaves.paths[i] + "/" + file.file)));
    }
  return texts;
}

bool RemoveLeaves(Leaves *leaves) {
  State &state = Shared();
  leaves->first_stat.reset();
  while (!leaves->paths.empty()) {
    const std::string &leaf = leaves->paths.back();
    if (rmdir(leaf.c_str()) < 0 && errno == EBUSY) {
      // Somebody is left: init was killed from outside or is about to do this, or it is an adopted process. Of the
      // leaves only v2's can kill, and it may not be this one: who is in it is in the others, too.
      for (const std::string &path : leaves->paths) WriteFile(path + "/cgroup.kill", "1");
      return false;
    }
    std::string path = leaf.substr(0, leaf.rfind('/'));
    std::lock_guard<std::mutex> lock(state.mutex);
    for (auto &[key, group] : state.groups)
      if (group.path == path && --group.users == 0) group.idle_since = NowMs();
    leaves->paths.pop_back();
    leaves->stats.pop_back();
  }
  return true;
}

void KillLeaves(const Leaves &leaves) {
  for (const std::string &leaf : leaves.paths) WriteFile(leaf + "/cgroup.kill", "1");
}

int SweepGroups(bool now) {
  State &state = Shared();
  std::lock_guard<std::mutex> lock(state.mutex);
  int64_t time = NowMs(), next = -1;
  for (auto it = state.groups.begin(); it != state.groups.end();) {
    Group &group = it->second;
    int64_t wait = group.idle_since + kLingerMs - time;
    bool idle = group.users == 0;
    if (idle && (now || wait <= 0)) {
      group.inits.reset();
      if (group.version == 2) rmdir((group.path + "/init").c_str());
      if (rmdir(group.path.c_str()) == 0 || errno == ENOENT) {
        state.janitor.Forget(group.path);
        it = state.groups.erase(it);
        continue;
      }
      group.idle_since = time - kLingerMs + 10; /* an init is still dying in it */
      group.written.clear();
      wait = 10;
    }
    if (idle) next = next < 0 ? wait : std::min(next, wait);
    ++it;
  }
  if (state.groups.empty() && state.guarded.empty()) state.janitor.Dismiss();
  return static_cast<int>(next);
}

bool ClaimDirectory(const std::string &path) {
  State &state = Shared();
  std::unique_lock<std::mutex> lock(state.mutex);
  auto free = [&] { return !state.guarded.count(path); };
  if (!state.released.wait_for(lock, std::chrono::milliseconds(kClaimMs), free)) return false;
  state.guarded.insert(path);
  state.janitor.Remember(path);
  return true;
}

void ReleaseDirectory(const std::string &path) {
  State &state = Shared();
  std::lock_guard<std::mutex> lock(state.mutex);
  if (!state.guarded.erase(path)) return;
  state.janitor.Forget(path);
  state.released.notify_all();
}

} // namespace cofferdam
