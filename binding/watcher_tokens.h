// How the watcher knows its descriptors again: an epoll token is a sandbox's id and which of its descriptors this is.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

namespace cofferdam {

enum Slot : uint64_t { kChannel = 1, kPidfd, kFrom /* +0..2 */, kTo = kFrom + 3 /* +0..2 */ };

inline uint64_t Token(uint32_t id, uint64_t slot) {
  return static_cast<uint64_t>(id) << 8 | slot;
}

inline bool Watch(int epoll, int fd, uint32_t events, uint64_t token, int operation = EPOLL_CTL_ADD) {
  epoll_event event = {};
  event.events = events;
  event.data.u64 = token;
  return epoll_ctl(epoll, operation, fd, &event) == 0;
}

} // namespace cofferdam
