// See stock.h. The thread lives as long as the process (the library is linked with -z nodelete), holds two of each
// kind, and sleeps otherwise.
#include "stock.h"

#include <fcntl.h>
#include <linux/mount.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <mutex>
#include <thread>

#include "init/sys.h"

namespace cofferdam {
namespace {

constexpr size_t kShelf = 2;

struct Shelves {
  std::mutex mutex;
  std::condition_variable wake;
  std::deque<UniqueFd> networks, devices;
  bool started = false;
  bool want_networks = false, want_devices = false;
};

Shelves &Shared() {
  static Shelves *shelves = new Shelves(); // never destroyed: the thread uses it until the end
  return *shelves;
}

// Opened before any thread leaves it; -1 while it cannot be (no descriptors left).
int HostNetwork() {
  static std::atomic<int> known{-1};
  if (known >= 0) return known;
  UniqueFd fd(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  int none = -1;
  if (fd && known.compare_exchange_strong(none, fd.get())) return fd.release();
  return known;
}

bool LoopbackUp() {
  UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = {};
  strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return fd && ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

// Leaves the calling thread in the new namespace.
UniqueFd MakeNetwork() {
  if (unshare(CLONE_NEWNET) < 0 || !LoopbackUp()) return UniqueFd();
  return UniqueFd(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

bool FillDevices(int directory) {
  static const struct {
    const char *name;
    unsigned minor, major;
  } nodes[] = {{"null", 3, 1}, {"zero", 5, 1}, {"full", 7, 1}, {"random", 8, 1}, {"urandom", 9, 1}, {"tty", 0, 5}};
  static const char *const links[][2] = {{"pts/ptmx", "ptmx"},
                                         {"/proc/self/fd", "fd"},
                                         {"/proc/self/fd/0", "stdin"},
                                         {"/proc/self/fd/1", "stdout"},
                                         {"/proc/self/fd/2", "stderr"}};
  for (const auto &node : nodes) {
    if (mknodat(directory, node.name, S_IFCHR | 0666, makedev(node.major, node.minor)) < 0) return false;
    if (fchmodat(directory, node.name, 0666, 0) < 0) return false; // whatever the umask
  }
  for (const auto &link : links)
    if (symlinkat(link[0], directory, link[1]) < 0) return false;
  for (const char *name : {"pts", "shm", "mqueue"})
    if (mkdirat(directory, name, 0755) < 0 || fchmodat(directory, name, 0755, 0) < 0) return false;
  return true;
}

UniqueFd MakeDevices() {
  auto result = [](long value) {
    if (value >= 0) return static_cast<int>(value);
    errno = static_cast<int>(-value);
    return -1;
  };
  UniqueFd context(result(sys_call2(__NR_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  if (!context) return context;
  static const char *const options[][2] = {{"size", "65536"}, {"nr_inodes", "64"}, {"mode", "0755"}};
  for (const auto &option : options)
    if (result(sys_call5(__NR_fsconfig, context.get(), FSCONFIG_SET_STRING, option[0], option[1], 0)) < 0)
      return UniqueFd();
  if (result(sys_call5(__NR_fsconfig, context.get(), FSCONFIG_CMD_CREATE, 0, 0, 0)) < 0) return UniqueFd();
  UniqueFd mount(
      result(sys_call3(__NR_fsmount, context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC)));
  if (mount && !FillDevices(mount.get())) return UniqueFd();
  return mount;
}

// Fills whichever shelf is short; false when there is nothing to do. Called without the lock.
bool FillOne(Shelves *shelves, bool networks) {
  UniqueFd fd = networks ? MakeNetwork() : MakeDevices();
  std::lock_guard<std::mutex> lock(shelves->mutex);
  if (!fd) {
    (networks ? shelves->want_networks : shelves->want_devices) = false; // asked again by the next taker
    return false;
  }
  (networks ? shelves->networks : shelves->devices).push_back(std::move(fd));
  return true;
}

void Run() {
  Shelves &shelves = Shared();
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, nullptr);
  pthread_setname_np(pthread_self(), "cofferdam-stock");
  for (;;) {
    bool networks = false;
    {
      std::unique_lock<std::mutex> lock(shelves.mutex);
      shelves.wake.wait(lock, [&] {
        networks = shelves.want_networks && shelves.networks.size() < kShelf;
        return networks || (shelves.want_devices && shelves.devices.size() < kShelf);
      });
    }
    FillOne(&shelves, networks);
  }
}

UniqueFd Take(std::deque<UniqueFd> Shelves::*shelf, bool Shelves::*want) {
  Shelves &shelves = Shared();
  std::lock_guard<std::mutex> lock(shelves.mutex);
  if (HostNetwork() < 0) return UniqueFd();
  if (!shelves.started) {
    shelves.started = true;
    std::thread(Run).detach();
  }
  shelves.*want = true;
  UniqueFd fd;
  if (!(shelves.*shelf).empty()) {
    fd = std::move((shelves.*shelf).front());
    (shelves.*shelf).pop_front();
  }
  shelves.wake.notify_one();
  return fd;
}

} // namespace

UniqueFd TakeNetwork() {
  return Take(&Shelves::networks, &Shelves::want_networks);
}

UniqueFd TakeDevices() {
  UniqueFd fd = Take(&Shelves::devices, &Shelves::want_devices);
  return fd ? std::move(fd) : MakeDevices();
}

bool EnterNetwork(int network) {
  static thread_local bool elsewhere = false;
  if (network < 0 && !elsewhere) return true;
  if (setns(network < 0 ? HostNetwork() : network, CLONE_NEWNET) < 0) return false;
  elsewhere = network >= 0;
  return true;
}

} // namespace cofferdam
