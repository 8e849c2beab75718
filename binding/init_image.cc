// Makes the init program executable; see init_image.h.
#include "init_image.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <string>

#include "unique_fd.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x0020
#endif

extern "C" {
extern const char cofferdam_init_start[];
extern const char cofferdam_init_end[];
}

namespace cofferdam {
namespace {

constexpr int kFirstFreeFd = 10;

// Executable by all and readable by none: an image that its process may not read is one of whom no process with the
// rights of that process's user namespace alone may look into (would_dump() in fs/exec.c), not even one that is
// root in there with CAP_SYS_PTRACE. So it is with a namespace that the image's owner or group has no id in: root has
// none in that of its sandboxes, any other caller has its own, and a supplementary group has none.
bool MakeUnreadable(int fd) {
  if (geteuid() != 0) {
    gid_t groups[64];
    const int count = getgroups(64, groups);
    for (int i = 0; i < count; i++)
      if (groups[i] != getegid() && fchown(fd, static_cast<uid_t>(-1), groups[i]) == 0) break;
  }
  return fchmod(fd, 0111) == 0;
}

bool WriteImage(int fd) {
  const char *at = cofferdam_init_start;
  while (at < cofferdam_init_end) {
    ssize_t wrote = write(fd, at, static_cast<size_t>(cofferdam_init_end - at));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return false;
    at += wrote;
  }
  return true;
}

UniqueFd SealedMemfd() {
  UniqueFd fd(memfd_create("cofferdam-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC));
  if (!fd && errno == EINVAL) fd.reset(memfd_create("cofferdam-init", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fd;
  const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (!WriteImage(fd.get()) || !MakeUnreadable(fd.get()) || fcntl(fd.get(), F_ADD_SEALS, seals) < 0) return UniqueFd();
  return fd;
}

// A file that is open for writing cannot be executed (ETXTBSY): it is opened again for reading before the writer goes.
UniqueFd UnlinkedFile() {
  const char *directory = getenv("TMPDIR");
  std::string path = std::string(directory && *directory ? directory : "/tmp") + "/cofferdam-init.XXXXXX";
  UniqueFd writer(mkostemp(path.data(), O_CLOEXEC));
  if (!writer) return writer;
  UniqueFd reader;
  if (WriteImage(writer.get())) reader.reset(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (reader && !MakeUnreadable(reader.get())) reader.reset();
  int error = errno;
  unlink(path.c_str());
  errno = error;
  return reader;
}

} // namespace

int InitImage() {
  static std::mutex mutex;
  static int image = -1;
  std::lock_guard<std::mutex> lock(mutex);
  if (image >= 0) return image;
  UniqueFd fd = SealedMemfd();
  if (!fd && errno != EMFILE && errno != ENFILE) fd = UnlinkedFile();
  if (!fd) return -1;
  image = fcntl(fd.get(), F_DUPFD_CLOEXEC, kFirstFreeFd);
  return image;
}

} // namespace cofferdam
