// Threads that may not be had: where the process has as many as it may (RLIMIT_NPROC, pids.max), or no memory for a
// stack.
#pragma once

#include <cerrno>
#include <system_error>

namespace cofferdam {

// Calls what makes a std::thread. False with errno where there can be none.
template <typename Function> bool StartThread(Function start) {
  try {
    start();
    return true;
  } catch (const std::system_error &error) {
    errno = error.code().value();
    return false;
  }
}

} // namespace cofferdam
