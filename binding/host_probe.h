// What the kernel lets this process do, found out by doing it in a forked child: for checkHost() (src/host/), which
// asks from a process of its own. Not on the way of any sandbox.
#pragma once

#include <cstdint>
#include <string>

namespace cofferdam {

struct ProbeAnswer {
  int32_t error; // errno, positive; 0: it worked
  int32_t value; // what the probe counts: a version, else 0
  char at[24];   // the call that failed
};

// Asks probe `name`; false if there is none of that name. Blocks for as long as the child takes, 5 s at most. `here`
// asks without a child: for probes that change nothing.
bool RunProbe(const std::string &name, bool here, ProbeAnswer *answer);

} // namespace cofferdam
