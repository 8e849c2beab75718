// newuidmap(1) and newgidmap(1): the set-user-id programs that map a caller's subordinate ids.
#pragma once

#include <sys/types.h>

#include "request.h"

namespace cofferdam {

// Has both programs write the maps of a child that has not executed anything yet, side by side. Throws StepError, with
// what the program said.
void RunMapWriters(pid_t child, const Birthright &right);

} // namespace cofferdam
