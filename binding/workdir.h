// Overlay's work directory, beside a persistent upper layer: made for one box, removed with it.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "cgroup.h"

namespace cofferdam {

// Removes it and lets others claim it; nothing to do for an empty path, which it leaves.
inline void RemoveWorkdir(std::string *workdir) {
  if (workdir->empty()) return;
  std::error_code ignored;
  chmod((*workdir + "/work").c_str(), 0700); // overlayfs makes it with mode 0
  // Again where the system was short of something for a moment.
  for (int attempt = 0;
       attempt < 3 && std::filesystem::remove_all(*workdir, ignored) == static_cast<std::uintmax_t>(-1);)
    attempt++;
  ReleaseDirectory(*workdir);
  workdir->clear();
}

} // namespace cofferdam
