// Overlay's work directory, beside a persistent upper layer: made for one box, removed with it.
#pragma once

#include <sys/stat.h>

#include <string>

#include "cgroup.h"
#include "remove_tree.h"

namespace cofferdam {

// Removes it and lets others claim it; nothing to do for an empty path, which it leaves.
inline void RemoveWorkdir(std::string *workdir) {
  if (workdir->empty()) return;
  chmod((*workdir + "/work").c_str(), 0700); // overlayfs makes it with mode 0
  // Again where the system was short of something for a moment.
  for (int attempt = 0; attempt < 3 && !RemoveTree(workdir->c_str());) attempt++;
  ReleaseDirectory(*workdir);
  workdir->clear();
}

} // namespace cofferdam
