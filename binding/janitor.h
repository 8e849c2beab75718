// Node's end of the janitor (init/janitor.c): a process of its own that removes directories when this one is killed.
#pragma once

#include <string>

#include "unique_fd.h"

namespace cofferdam {

// Not thread-safe; the owner locks. Started with the first Remember, gone after Dismiss. Best effort: without a
// janitor everything works, only a SIGKILL of Node leaves empty cgroups behind.
class Janitor {
public:
  void Remember(const std::string &path) { Send('+', path); }
  void Forget(const std::string &path) { Send('-', path); }
  void Dismiss() { channel_.reset(); }

private:
  void Send(char action, const std::string &path);
  bool Start();

  UniqueFd channel_;
};

} // namespace cofferdam
