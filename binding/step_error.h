// A failed step on its way up: thrown where it happens, caught once (spawner.cc), told to JavaScript as it is.
#pragma once

#include <cerrno>
#include <cstdint>
#include <string>

#include "init/wire.h"

namespace cofferdam {

struct StepError {
  uint32_t step;
  uint32_t index;        // of the record in the host section that asked for the step; 0 is the first
  int error;             // errno, positive
  std::string said = {}; // what a program said that failed; empty where the errno says it all
};

[[noreturn]] inline void FailStep(uint32_t step, uint32_t index, int error = errno) {
  throw StepError{step, index, error};
}

// Passes a system call's result through, or throws.
template <typename T> T Check(T result, uint32_t step, uint32_t index) {
  if (result < 0) FailStep(step, index);
  return result;
}

} // namespace cofferdam
