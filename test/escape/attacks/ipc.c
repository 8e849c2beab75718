/* Meeting another run: what one leaves or offers, another looks for. `... leave <number>`, `... find <number>`. */
#include "attack.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <stddef.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Looks, or makes it and says that it is there: what is made is not yet won. */
static void meet(const char *call, long result, int make) {
  if (!make)
    tried(call, result);
  else if (result == -1)
    lost(call);
  else
    lost_with(call, "left");
}

static int makes(const char *word) {
  return !strcmp(word, "leave");
}

static void system_v(int argc, char **argv) {
  (void)argc;
  int make = makes(argv[1]);
  key_t key = (key_t)number(argv[2]);
  int flags = make ? IPC_CREAT | 0666 : 0;
  meet("shmget", shmget(key, make ? 4096 : 0, flags), make);
  meet("msgget", msgget(key, flags), make);
  meet("semget", semget(key, make ? 1 : 0, flags), make);
}

static void remove_system_v(int argc, char **argv) {
  (void)argc;
  key_t key = (key_t)number(argv[1]);
  shmctl(shmget(key, 0, 0), IPC_RMID, NULL);
  msgctl(msgget(key, 0), IPC_RMID, NULL);
  semctl(semget(key, 0, 0), 0, IPC_RMID);
}

static void posix(int argc, char **argv) {
  (void)argc;
  int make = makes(argv[1]);
  char name[64];
  snprintf(name, sizeof name, "/attack-%s", argv[2]);
  struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 16};
  int flags = make ? O_CREAT | O_RDWR : O_RDONLY;
  meet("mq_open", mq_open(name, flags | O_CLOEXEC, 0666, &attributes), make);
  meet("shm_open", shm_open(name, flags, 0666), make);
}

static void remove_posix(int argc, char **argv) {
  (void)argc;
  char name[64];
  snprintf(name, sizeof name, "/attack-%s", argv[1]);
  mq_unlink(name);
  shm_unlink(name);
}

/* In the keyring of the user, which outlives its processes. */
static void keys(int argc, char **argv) {
  (void)argc;
  char name[64];
  snprintf(name, sizeof name, "attack-%s", argv[2]);
  if (makes(argv[1]))
    meet("add_key", syscall(SYS_add_key, "user", name, "x", 1ul, KEY_SPEC_USER_KEYRING), 1);
  else
    meet("keyctl", syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", name, 0), 0);
}

static socklen_t abstract_address(struct sockaddr_un *address, const char *word) {
  memset(address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  int length = snprintf(address->sun_path + 1, sizeof address->sun_path - 1, "attack-%s", word);
  return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

/* Who leaves it stays. */
static void abstract(int argc, char **argv) {
  (void)argc;
  struct sockaddr_un address;
  socklen_t size = abstract_address(&address, argv[2]);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) {
    lost("socket");
    return;
  }
  if (!makes(argv[1])) {
    tried("connect", connect(fd, (struct sockaddr *)&address, size));
    return;
  }
  if (bind(fd, (struct sockaddr *)&address, size) == -1 || listen(fd, 8) == -1) broken("bind");
  puts("holding");
  fflush(stdout);
  sleep_seconds(60);
}

const struct attack ipc_attacks[] = {
    {"system-v", 2, system_v}, {"remove-system-v", 1, remove_system_v},
    {"posix", 2, posix},       {"remove-posix", 1, remove_posix},
    {"keys", 2, keys},         {"abstract", 2, abstract},
    {NULL, 0, NULL},
};
