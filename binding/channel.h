// The channel's sending and receiving side in Node: packets with descriptors and credentials (unix(7)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "init/wire.h"
#include "request.h"
#include "unique_fd.h"

namespace cofferdam {

// A SOCK_SEQPACKET pair, both ends close-on-exec and numbered 10 or more, so that neither can be the child's 0-3. Ours
// receives credentials. Returns false with errno.
bool OpenChannel(UniqueFd *ours, UniqueFd *theirs);

// Sends one packet; `fds` may be null. Returns false with errno (EPIPE: the peer is gone).
bool SendPacket(int channel, const wire_header &header, const void *body, size_t size, const int *fds, size_t fd_count,
                int flags);

// A descriptor to lend to init, and what it is for.
struct Loan {
  uint32_t role;
  int fd;
};

// What init is told of its bounding set: that nothing is left to be dropped from it.
uint32_t BoundingSet(const Birthright &right);

struct Sending {
  bool more; // another request follows at once
  int flags; // of sendmsg(2)
};

// Sends a request: FDS packets as needed, then the body inline or in a sealed memfd.
bool SendRequest(int channel, uint32_t id, uint32_t flags, const std::vector<Loan> &loans,
                 const std::vector<uint8_t> &boot, const std::vector<uint8_t> &exec, const Sending &how);

// What init has sent.
struct Report {
  wire_event event = {};
  pid_t pid = 0;          // the process that it names, in our pid namespace; or 0
  UniqueFd terminal;      // the descriptor that came with it; or none
  bool truncated = false; // one came for which this process has no number left
};

enum class Received { kEvent, kNothing, kEnd };

// Receives one event without waiting.
Received ReceiveEvent(int channel, Report *report);

} // namespace cofferdam
