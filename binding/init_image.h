// The init program: embedded in the addon, executed from a sealed memfd.
#pragma once

namespace cofferdam {

// A descriptor (10 or more, close-on-exec, owned by the process for its life) to execveat, or -1 with errno.
// A memfd sealed against every change (memfd_create(2); MFD_EXEC is 6.3), so that a command that reaches it through
// /proc/<pid>/exe cannot overwrite it (CVE-2019-5736). Where memfds may not execute (vm.memfd_noexec=2), an unlinked
// file, mode 0500, open for reading only.
int InitImage();

} // namespace cofferdam
