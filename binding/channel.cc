// Packets over the channel; see channel.h and init/wire.h.
#include "channel.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace cofferdam {
namespace {

constexpr int kFirstFreeFd = 10;

bool RaiseFd(UniqueFd *fd) {
  if (fd->get() >= kFirstFreeFd) return true;
  fd->reset(fcntl(fd->get(), F_DUPFD_CLOEXEC, kFirstFreeFd));
  return static_cast<bool>(*fd);
}

UniqueFd SealedCopy(const std::vector<uint8_t> &data) {
  UniqueFd fd(memfd_create("cofferdam-request", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) return fd;
  for (size_t done = 0; done < data.size();) {
    ssize_t wrote = write(fd.get(), data.data() + done, data.size() - done);
    if (wrote < 0) return UniqueFd();
    done += static_cast<size_t>(wrote);
  }
  fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  return fd;
}

void AppendU32(std::vector<uint8_t> *to, uint32_t value) {
  for (int shift = 0; shift < 32; shift += 8) to->push_back(static_cast<uint8_t>(value >> shift));
}

} // namespace

bool OpenChannel(UniqueFd *ours, UniqueFd *theirs) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) return false;
  ours->reset(pair[0]);
  theirs->reset(pair[1]);
  int on = 1;
  return setsockopt(ours->get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0 && RaiseFd(ours) && RaiseFd(theirs);
}

bool SendPacket(int channel, const wire_header &header, const void *body, size_t size, const int *fds, size_t fd_count,
                int flags) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int) * WIRE_FDS_MAX)];
  iovec parts[2] = {{const_cast<wire_header *>(&header), sizeof header}, {const_cast<void *>(body), size}};
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = size ? 2 : 1;
  if (fd_count) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
    cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
    memcpy(CMSG_DATA(head), fds, sizeof(int) * fd_count);
  }
  ssize_t sent;
  do sent = sendmsg(channel, &message, MSG_NOSIGNAL | flags);
  while (sent < 0 && errno == EINTR);
  return sent >= 0;
}

uint32_t BoundingSet(const Birthright &right) {
  return right.namespaces & CLONE_NEWUSER && right.no_capabilities ? WIRE_BOUNDING_SET_EMPTY : 0;
}

bool SendRequest(int channel, uint32_t id, uint32_t flags, const std::vector<Loan> &loans,
                 const std::vector<uint8_t> &boot, const std::vector<uint8_t> &exec, const Sending &how) {
  if (loans.size() >= WIRE_FDS_TOTAL) {
    errno = E2BIG;
    return false;
  }
  wire_header header = {};
  header.magic = WIRE_MAGIC;
  header.id = id;
  header.a = flags;
  header.b = how.more;
  std::vector<uint8_t> body;
  body.reserve(loans.size() * 4 + boot.size() + exec.size());
  std::vector<int> fds;
  for (const Loan &loan : loans) {
    AppendU32(&body, loan.role);
    fds.push_back(loan.fd);
  }
  body.insert(body.end(), boot.begin(), boot.end());
  body.insert(body.end(), exec.begin(), exec.end());

  UniqueFd mapped;
  if (body.size() > WIRE_INLINE_MAX) {
    mapped = SealedCopy(body);
    if (!mapped) return false;
    fds.push_back(mapped.get());
    header.a |= WIRE_MAPPED;
  }
  size_t sent = 0;
  while (fds.size() - sent > WIRE_FDS_MAX) {
    header.kind = WIRE_FDS;
    if (!SendPacket(channel, header, nullptr, 0, fds.data() + sent, WIRE_FDS_MAX, how.flags)) return false;
    sent += WIRE_FDS_MAX;
  }
  header.kind = WIRE_REQUEST;
  header.fd_count = static_cast<uint32_t>(loans.size());
  header.boot_size = static_cast<uint32_t>(boot.size());
  header.exec_size = static_cast<uint32_t>(exec.size());
  return SendPacket(channel, header, body.data(), mapped ? 0 : body.size(), fds.data() + sent, fds.size() - sent,
                    how.flags);
}

Received ReceiveEvent(int channel, Report *report) {
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(4 * sizeof(int))];
  *report = Report();
  iovec part = {&report->event, sizeof report->event};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size;
  // ECONNRESET says, once, that init went without reading all we sent; what it sent before is still to be read.
  do size = recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (size < 0 && (errno == EINTR || errno == ECONNRESET));
  if (size < 0 && errno == EAGAIN) return Received::kNothing;
  const bool whole = size == sizeof report->event && report->event.magic == WIRE_MAGIC;
  report->truncated = size > 0 && message.msg_flags & MSG_CTRUNC;
  for (cmsghdr *head = CMSG_FIRSTHDR(&message); head; head = CMSG_NXTHDR(&message, head)) {
    if (head->cmsg_level != SOL_SOCKET) continue;
    if (head->cmsg_type == SCM_RIGHTS && head->cmsg_len >= CMSG_LEN(sizeof(int))) {
      int fd;
      memcpy(&fd, CMSG_DATA(head), sizeof fd);
      report->terminal.reset(fd);
    }
    if (head->cmsg_type != SCM_CREDENTIALS) continue;
    ucred credentials;
    memcpy(&credentials, CMSG_DATA(head), sizeof credentials);
    report->pid = credentials.pid;
  }
  return whole ? Received::kEvent : Received::kEnd;
}

} // namespace cofferdam
