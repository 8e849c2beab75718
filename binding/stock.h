// Stock: kernel objects that cost much to make, made ahead on a thread of their own. Fresh for each sandbox, never
// shared by two; bounded, and refilled in the background. When the shelf is empty the caller makes its own.
#pragma once

#include "unique_fd.h"

namespace cofferdam {

// A network namespace with nothing in it but `lo`, up. It belongs to the caller's user namespace, so that nobody inside
// the sandbox has rights over it. Invalid when the shelf is empty: then CLONE_NEWNET does it, 0.6 ms more on the way.
UniqueFd TakeNetwork();

// A detached tmpfs with the content of /dev: nodes, links, and the directories pts, shm and mqueue. From the shelf or
// made on the spot; invalid with errno when it cannot be made (an unprivileged caller cannot).
UniqueFd TakeDevices();

// Moves the calling thread into the network namespace, or back into that of the process with -1. False with errno.
bool EnterNetwork(int network);

} // namespace cofferdam
