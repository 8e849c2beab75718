// The content of a sandbox's /dev, for a privileged caller: nobody in a user namespace can make device nodes.
#pragma once

#include "unique_fd.h"

namespace cofferdam {

// A detached tmpfs with the nodes and links of /dev, and the directories pts, shm and mqueue. Invalid with errno when
// it cannot be made (an unprivileged caller cannot).
UniqueFd MakeDevices();

} // namespace cofferdam
