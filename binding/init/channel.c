/* The channel's packets, in and out: their bytes, and the descriptors and credentials that come and go with them. What
 * they mean is supervise.c's business. */
#include <linux/socket.h>
#include <linux/uio.h>

#include "init.h"

#define SOL_SOCKET_ 1
#define SCM_RIGHTS_ 1
#define SCM_CREDENTIALS_ 2
#define MSG_CMSG_CLOEXEC_ 0x40000000
#define MSG_DONTWAIT_ 0x40
#define MSG_NOSIGNAL_ 0x4000

/* The uapi headers describe no msghdr: these are the kernel's own layouts. */
struct message {
  void *name;
  int name_size;
  struct iovec *parts;
  unsigned long part_count;
  void *control;
  unsigned long control_size;
  unsigned flags;
};
struct control {
  unsigned long size;
  int level, type;
};
struct credentials {
  uint32_t pid, uid, gid;
};

/* The kernel translates a pid in SCM_CREDENTIALS into the receiver's pid namespace (unix(7)). `fd` goes along, unless
 * it is -1. */
long channel_send(struct wire_event *event, int pid, int fd) {
  struct {
    struct control head;
    int fd, pad;
    struct control credentials_head;
    struct credentials credentials;
    uint32_t end;
  } control = {{sizeof(struct control) + sizeof(int), SOL_SOCKET_, SCM_RIGHTS_},
               fd,
               0,
               {sizeof(struct control) + sizeof(struct credentials), SOL_SOCKET_, SCM_CREDENTIALS_},
               {0, 0, 0},
               0};
  const size_t rights = offsetof(__typeof__(control), credentials_head);
  struct iovec part = {event, sizeof *event};
  struct message message = {.parts = &part, .part_count = 1};
  event->magic = WIRE_MAGIC;
  if (fd >= 0) {
    message.control = &control;
    message.control_size = rights;
  }
  if (pid > 0) {
    control.credentials.pid = (uint32_t)pid;
    control.credentials.uid = (uint32_t)sys_call0(__NR_getuid);
    control.credentials.gid = (uint32_t)sys_call0(__NR_getgid);
    message.control = fd >= 0 ? (void *)&control : &control.credentials_head;
    message.control_size = sizeof control - (fd >= 0 ? 0 : rights);
  }
  return sys_call3(__NR_sendmsg, CHANNEL, &message, MSG_NOSIGNAL_);
}

static void take_descriptors(const struct message *message) {
  const uint8_t *at = message->control;
  const uint8_t *end = at + message->control_size;
  while ((size_t)(end - at) >= sizeof(struct control)) {
    const struct control *control = (const struct control *)at;
    if (control->size < sizeof *control || control->size > (size_t)(end - at)) break;
    const int *fds = (const int *)(control + 1);
    size_t count = (control->size - sizeof *control) / sizeof *fds;
    if (control->level == SOL_SOCKET_ && control->type == SCM_RIGHTS_)
      for (size_t i = 0; i < count; i++) {
        if (lent.count < (int)WIRE_FDS_TOTAL)
          lent.fds[lent.count++] = fds[i];
        else
          close_fd(fds[i]);
      }
    const size_t step = (control->size + sizeof(long) - 1) & ~(sizeof(long) - 1);
    if (step > (size_t)(end - at)) break; /* the last one may come without its padding */
    at += step;
  }
}

/* One packet, without waiting; the descriptors that came with it are lent. */
long channel_receive(void *packet, size_t size) {
  static uint8_t control[sizeof(struct control) + sizeof(int) * (WIRE_FDS_MAX + 4)] __attribute__((aligned(8)));
  struct iovec part = {packet, size};
  struct message message = {.parts = &part, .part_count = 1, .control = control, .control_size = sizeof control};
  const long received = sys_call3(__NR_recvmsg, CHANNEL, &message, MSG_CMSG_CLOEXEC_ | MSG_DONTWAIT_);
  if (received > 0) take_descriptors(&message);
  return received;
}
