/* A terminal as the command's 0, 1 and 2, and as its controlling terminal (EXEC_TERMINAL).
 *
 * Who opens it. The sandbox has a devpts of its own, so the pair is made in there: inside, the slave is /dev/pts/0,
 * ttyname(3) finds it, and neither a number nor an inode of the host's devpts is ever seen or can be chown(2)ed. Were
 * it the addon that opened the pair, ttyname(3) would find nothing, and tmux and others refuse to run. So it is the
 * command's process that opens the pair, before it becomes the command: it has the sandbox's root, and if something has
 * been put over /dev/ptmx (by an earlier command of a box, with capabilities) that makes it wait, then init does not
 * wait with it, and the limits hold. Without a mount namespace the same path leads to the host's devpts.
 *
 * How the master reaches Node. That process shares init's table of descriptors (exec.c), so the master is in there, and
 * goes up with STARTED as SCM_RIGHTS; then init closes it. The command never has it: it is CLOEXEC. Nor could it put
 * another in its place: until its execve that process runs nothing but this program, and execve gives it a table of
 * its own. That it is the master of a terminal has been shown by the ioctls, which nothing else answers.
 *
 * The slave is opened by ioctl, not by name, for a name could lead elsewhere (TIOCGPTPEER, 4.13). Its owner is whoever
 * opens the master, by fsuid: the command's user, who may therefore open it again (grantpt(3) does no more). */
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/termios.h>

#include "command.h"
#include "init.h"

/* These two return what was before. */
static long open_master(const struct command *command) {
  long result = command->has_user ? sys_call1(__NR_setfsgid, command->gid) : 0;
  if (command->has_user && result >= 0) result = sys_call1(__NR_setfsuid, command->uid);
  if (result < 0) return result;
  return sys_call4(__NR_openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC, 0);
}

static long open_slave(long master) {
  int locked = 0;
  long result = sys_call3(__NR_ioctl, master, TIOCSPTLCK, &locked);
  return result < 0 ? result : sys_call3(__NR_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
}

/* In the command's process, which leads a session without a terminal, with init's descriptors: 0 to 2 are taken. What
 * it leaves in command->terminal is init's. */
long terminal_put(struct command *command) {
  const struct winsize size = {.ws_row = command->rows, .ws_col = command->columns};
  long master = open_master(command);
  if (master < 0) return master;
  command->terminal = (int)master;
  long slave = open_slave(master);
  if (slave < 0) return slave;
  long result = sys_call3(__NR_ioctl, master, TIOCSWINSZ, &size);
  if (result >= 0) result = sys_call3(__NR_ioctl, slave, TIOCSCTTY, 0);
  for (int fd = 0; fd < 3 && result >= 0; fd++) result = sys_call3(__NR_dup3, slave, fd, 0);
  close_fd((int)slave);
  return result;
}
