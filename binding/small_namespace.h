// A mount namespace with next to nothing in it, for a thread to clone from.
//
// A child with CLONE_NEWNS gets a copy of every mount of the thread that clones it, and has to get rid of them again:
// that costs a microsecond and more for each mount of the host, and a waiting init would keep alive what the host
// unmounts. Cloned from here it copies a tmpfs and a /proc (without one in sight the kernel lets no user namespace
// mount another).
#pragma once

namespace cofferdam {

// Both only on a thread that does nothing but this between the two calls: no path of the host can be found meanwhile.
// The first call makes the namespace, and gives the thread a working directory and root of its own. False with errno,
// and then the thread is where it was, or, for Leave, astray.
bool EnterSmallNamespace();
bool LeaveSmallNamespace();

// Whether this thread could not come back, though it has tried for a while.
bool IsAstray();

} // namespace cofferdam
