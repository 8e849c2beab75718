// See stock.h. Shelves are found by a key that holds everything an init is made from; the one used longest ago is given
// up for a new recipe, and each is emptied when nothing has been taken from it for a while.
//
// Making an init takes the kernel's global locks (mounts, network) and a processor, just what a launch needs: so
// shelves are refilled when no sandbox is being launched and none has been for a moment. Sandboxes started in a close
// row find them empty; each then has its init made at once.
#include "stock.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cgroup.h"
#include "monotonic_condition.h"
#include "seat.h"
#include "small_namespace.h"
#include "start_thread.h"
#include "step_error.h"
#include "stock_key.h"

namespace cofferdam {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr size_t kShelves = 16;
constexpr size_t kPerShelf = 2;
constexpr size_t kNetworksAtOnce = 8;
constexpr milliseconds kKept{1000};       // a shelf that nobody takes from
constexpr milliseconds kNetworksKept{50}; // networks that nobody joins
constexpr milliseconds kQuiet{1};         // no launches for so long
constexpr milliseconds kPatience{1000};   // for one that is being made; then the caller makes its own

struct Blank {
  GroupHold group; // init lives in it
  Newborn newborn;
};

struct Shelf {
  std::string key;
  Birthright right;
  std::vector<HierarchySpec> hierarchies; // v2 only, bare; or all, when a process is to be parked in their leaves
  bool parks = false;
  std::deque<Blank> blanks;
  size_t in_making = 0, waiting = 0; // waiting: callers who want one now
  bool wanted = true;                // until making fails, and again with the next taker
  Clock::time_point used;
};

// A box in which nothing runs any more.
struct Idle {
  std::weak_ptr<Box> box;
  Clock::time_point since;
};

struct State {
  std::mutex mutex;
  MonotonicCondition wake, made;
  std::list<std::shared_ptr<Shelf>> shelves; // used last, first
  std::deque<Idle> idle;                     // that are to have a seat; idle for longest, first
  std::deque<std::weak_ptr<Box>> busy;       // that are to have a place for their next command
  std::vector<UniqueFd> networks;
  Clock::time_point networks_since;
  int launching = 0;
  bool dismissed = false; // inits, by another thread than ours: their group may be idle now
  Clock::time_point quiet_since;
  Clock::time_point waits_until; // the thread, if it does
  bool started = false;
  bool retired = false; // the thread is gone for good: everybody makes its own
};

State &Shared() {
  static State *state = new State(); // never destroyed: the thread uses it until the end
  return *state;
}

bool Alive(const Newborn &newborn) {
  pollfd polled = {newborn.pidfd.get(), POLLIN, 0};
  return poll(&polled, 1, 0) == 0;
}

// A name of the namespace that outlives init; without one the kernel removes the namespace with init.
UniqueFd NetworkOf(const Newborn &newborn) {
  return UniqueFd(open(("/proc/" + std::to_string(newborn.pid) + "/ns/net").c_str(), O_RDONLY | O_CLOEXEC));
}

Blank MakeBlank(const Shelf &shelf) {
  Blank blank;
  blank.group = GroupHold(shelf.right, shelf.hierarchies);
  Birth birth(shelf.right, blank.group.inits(), true);
  blank.newborn = birth.Take();
  try {
    birth.Join();
    Newborn &init = blank.newborn;
    Place place;
    if (shelf.parks) Park(init.channel.get(), {shelf.right, shelf.hierarchies, false}, {}, &place);
    init.leaves = std::move(place.leaves);
  } catch (...) {
    Abandon(&blank.newborn.channel, blank.newborn.pid);
    throw;
  }
  if (shelf.right.namespaces & CLONE_NEWNET) blank.newborn.network = NetworkOf(blank.newborn);
  return blank;
}

// Killed, though the end of the channel would do: somebody may have stopped them. All of them first: they end side by
// side.
void Dismiss(std::deque<Blank> *blanks) {
  for (Blank &blank : *blanks) syscall(SYS_pidfd_send_signal, blank.newborn.pidfd.get(), SIGKILL, nullptr, 0);
  for (Blank &blank : *blanks) Abandon(&blank.newborn.channel, blank.newborn.pid);
  for (Blank &blank : *blanks) RemoveSoon(&blank.newborn.leaves);
  blanks->clear();
}

bool IsShort(const Shelf &shelf) {
  return shelf.wanted && shelf.blanks.size() + shelf.in_making < kPerShelf;
}

// With the lock held: the shelf to make an init for, now.
std::shared_ptr<Shelf> Wanting(const State &state, Clock::time_point now) {
  for (auto &shelf : state.shelves)
    if (shelf->wanted && shelf->blanks.empty() && !shelf->in_making) return shelf;
  if (state.launching > 0 || now - state.quiet_since < kQuiet) return nullptr;
  for (auto &shelf : state.shelves)
    if (IsShort(*shelf)) return shelf;
  return nullptr;
}

// Without the lock. A failure ends the shelf's refilling: whoever asks next makes its own, and learns what is wrong.
void Refill(State &state, const std::shared_ptr<Shelf> &shelf) {
  Blank blank;
  bool made = false;
  try {
    blank = MakeBlank(*shelf);
    made = true;
  } catch (const StepError &) {
  } catch (const std::bad_alloc &) {
  }
  std::deque<Blank> late;
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    shelf->in_making--;
    shelf->wanted &= made;
    const bool kept = std::find(state.shelves.begin(), state.shelves.end(), shelf) != state.shelves.end();
    if (made) (kept ? shelf->blanks : late).push_back(std::move(blank));
  }
  state.made.notify_all();
  Dismiss(&late);
}

// With the lock held: moves what nobody needs any more out of the state.
void CollectOld(State &state, Clock::time_point now, std::deque<Blank> *blanks, std::vector<UniqueFd> *networks) {
  while (!state.shelves.empty()) {
    Shelf &last = *state.shelves.back();
    if (state.shelves.size() <= kShelves && (now - last.used < kKept || last.waiting)) break;
    std::move(last.blanks.begin(), last.blanks.end(), std::back_inserter(*blanks));
    last.blanks.clear();
    state.shelves.pop_back();
  }
  const bool many = state.networks.size() >= kNetworksAtOnce;
  if (many || (!state.networks.empty() && now - state.networks_since >= kNetworksKept)) networks->swap(state.networks);
}

// With the lock held: the box that is to have a seat now.
std::shared_ptr<Box> Seatless(State &state, Clock::time_point now) {
  if (state.idle.empty() || now - state.idle.front().since < kQuiet) return nullptr;
  std::shared_ptr<Box> box = state.idle.front().box.lock();
  state.idle.pop_front();
  return box;
}

// With the lock held: the box that is to have a place made now, though something runs in it.
std::shared_ptr<Box> Placeless(State &state) {
  std::shared_ptr<Box> box;
  while (!box && !state.busy.empty()) {
    box = state.busy.front().lock();
    state.busy.pop_front();
  }
  return box;
}

Clock::time_point NextLook(const State &state, Clock::time_point now, int groups_ms) {
  Clock::time_point next = now + std::chrono::hours(1);
  if (!state.shelves.empty()) next = std::min(next, state.shelves.back()->used + kKept);
  if (!state.networks.empty()) next = std::min(next, state.networks_since + kNetworksKept);
  if (!state.idle.empty()) next = std::min(next, state.idle.front().since + kQuiet);
  for (auto &shelf : state.shelves)
    if (!state.launching && IsShort(*shelf)) next = std::min(next, state.quiet_since + kQuiet);
  if (groups_ms >= 0) next = std::min(next, now + milliseconds(groups_ms));
  return next;
}

// With the lock held: whether the thread has to be woken in order to look when it has been quiet. In a row of launches,
// or of commands in a box, it most often need not, and would take a processor from the next of them.
bool Oversleeps(const State &state, Clock::time_point now) {
  return state.waits_until > now + kQuiet;
}

// A thread that cannot come back from its small namespace must do nothing more that has to do with paths. What is left
// to do for the groups is done by the watchers.
void Retire(State &state) {
  std::deque<Blank> blanks;
  std::vector<UniqueFd> networks;
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    state.retired = true;
    for (auto &shelf : state.shelves) std::move(shelf->blanks.begin(), shelf->blanks.end(), std::back_inserter(blanks));
    state.shelves.clear();
    networks.swap(state.networks);
  }
  Dismiss(&blanks);
}

void Run() {
  State &state = Shared();
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr); // launch.h demands it
  pthread_setname_np(pthread_self(), "cofferdam-stock");
  int groups_ms = -1;
  for (;;) {
    std::shared_ptr<Shelf> shelf;
    std::deque<Blank> blanks;
    std::vector<UniqueFd> networks;
    std::shared_ptr<Box> box, busy;
    {
      std::unique_lock<std::mutex> lock(state.mutex);
      CollectOld(state, Clock::now(), &blanks, &networks);
      shelf = Wanting(state, Clock::now());
      box = Seatless(state, Clock::now());
      busy = Placeless(state);
      if (!shelf && !box && !busy && blanks.empty() && networks.empty()) {
        if (!std::exchange(state.dismissed, false)) {
          state.waits_until = NextLook(state, Clock::now(), groups_ms);
          state.wake.wait_until(lock, state.waits_until);
          state.waits_until = {};
        }
        groups_ms = -1;
        shelf = Wanting(state, Clock::now());
        CollectOld(state, Clock::now(), &blanks, &networks);
      }
      if (shelf) shelf->in_making++;
    }
    if (busy) PreparePlace(busy.get());
    if (box) ParkInBox(box.get());
    if (shelf) Refill(state, shelf);
    if (shelf && IsAstray()) return Retire(state);
    networks.clear();
    if (!blanks.empty()) Dismiss(&blanks);
    if (!shelf) groups_ms = SweepGroups(false); // a waiting init may have been the last in its group
  }
}

// With the lock held: whether there is a thread.
bool Start(State &state) {
  if (state.retired) return false;
  state.started = state.started || StartThread([] { std::thread(Run).detach(); });
  return state.started;
}

// With the lock held.
std::shared_ptr<Shelf> FindShelf(State &state, const Request &request) {
  std::string key = KeyOf(request);
  auto found = std::find_if(state.shelves.begin(), state.shelves.end(),
                            [&](const std::shared_ptr<Shelf> &shelf) { return shelf->key == key; });
  if (found != state.shelves.end()) {
    state.shelves.splice(state.shelves.begin(), state.shelves, found);
  } else {
    auto shelf = std::make_shared<Shelf>();
    shelf->key = std::move(key);
    shelf->right = request;
    shelf->parks = Parks(request);
    if (shelf->parks) shelf->hierarchies = request.hierarchies;
    for (const HierarchySpec &spec : request.hierarchies) {
      if (shelf->parks || spec.version != 2) continue;
      HierarchySpec bare;
      bare.index = spec.index;
      bare.version = spec.version;
      bare.base = spec.base;
      shelf->hierarchies.push_back(std::move(bare));
    }
    state.shelves.push_front(std::move(shelf));
  }
  Shelf &shelf = *state.shelves.front();
  shelf.used = Clock::now();
  shelf.wanted = true;
  return state.shelves.front();
}

// Not on the stock's thread, which may have looked for idle groups while these inits were dying, and would not look
// again until somebody starts a sandbox.
void DismissElsewhere(State &state, std::deque<Blank> *blanks) {
  if (blanks->empty()) return;
  Dismiss(blanks);
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    state.dismissed = true;
  }
  state.wake.notify_one();
}

} // namespace

bool TakeBlank(const Request &request, Newborn *newborn) {
  if (!request.stocked) return false;
  State &state = Shared();
  std::deque<Blank> dead;
  bool taken = false, wanting = false;
  {
    std::unique_lock<std::mutex> lock(state.mutex);
    state.launching++;
    if (!Start(state)) return false;
    std::shared_ptr<Shelf> shelf = FindShelf(state, request);
    if (shelf->blanks.empty() && shelf->in_making > shelf->waiting) {
      shelf->waiting++;
      state.made.wait_for(lock, kPatience, [&] { return !shelf->blanks.empty() || !shelf->in_making; });
      shelf->waiting--;
    }
    while (!taken && !shelf->blanks.empty()) {
      Blank blank = std::move(shelf->blanks.front());
      shelf->blanks.pop_front();
      taken = Alive(blank.newborn);
      if (taken)
        *newborn = std::move(blank.newborn);
      else
        dead.push_back(std::move(blank));
    }
    wanting = Wanting(state, Clock::now()) || state.shelves.size() > kShelves;
  }
  if (wanting) state.wake.notify_one();
  DismissElsewhere(state, &dead);
  return taken;
}

void LaunchIsOver() {
  State &state = Shared();
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    if (--state.launching > 0) return;
    state.quiet_since = Clock::now();
    if (!Oversleeps(state, state.quiet_since)) return;
  }
  state.wake.notify_one();
}

void ParkSoon(const std::shared_ptr<Box> &box) {
  State &state = Shared();
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    if (!Start(state)) return;
    const auto same = [&](const Idle &idle) { return !idle.box.owner_before(box) && !box.owner_before(idle.box); };
    state.idle.erase(std::remove_if(state.idle.begin(), state.idle.end(), same), state.idle.end());
    const Clock::time_point now = Clock::now();
    state.idle.push_back({box, now});
    if (!Oversleeps(state, now)) return;
  }
  state.wake.notify_one();
}

void PrepareSoon(const std::shared_ptr<Box> &box) {
  State &state = Shared();
  {
    std::lock_guard<std::mutex> lock(state.mutex);
    if (!Start(state)) return;
    state.busy.push_back(box);
  }
  state.wake.notify_one();
}

void ReturnNetwork(UniqueFd network) {
  State &state = Shared();
  std::lock_guard<std::mutex> lock(state.mutex);
  if (!network || !state.started || state.retired) return;
  if (state.networks.empty()) state.networks_since = Clock::now();
  state.networks.push_back(std::move(network));
  if (state.networks.size() == 1 || state.networks.size() == kNetworksAtOnce) state.wake.notify_one();
}

void DrainStock() {
  State &state = Shared();
  std::deque<Blank> blanks;
  std::vector<UniqueFd> networks;
  {
    std::unique_lock<std::mutex> lock(state.mutex);
    const auto shelves = state.shelves; // the list may change while we wait
    for (auto &shelf : shelves) {
      shelf->wanted = false;
      state.made.wait(lock, [&] { return !shelf->in_making; });
      std::move(shelf->blanks.begin(), shelf->blanks.end(), std::back_inserter(blanks));
      shelf->blanks.clear();
    }
    networks.swap(state.networks);
  }
  DismissElsewhere(state, &blanks);
}

} // namespace cofferdam
