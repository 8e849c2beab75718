// Starting and talking to the janitor; see janitor.h.
#include "janitor.h"

#include <sys/socket.h>
#include <sys/wait.h>

#include <cerrno>

#include "channel.h"
#include "init_image.h"
#include "launch.h"

namespace cofferdam {

bool Janitor::Start() {
  UniqueFd theirs;
  int image = InitImage();
  if (image < 0 || !OpenChannel(&channel_, &theirs)) return false;
  Launch launch;
  launch.image = image;
  launch.channel = theirs.get();
  launch.name = "janitor";
  launch.wait_for_go = false;
  sys_clone_args args = {};
  args.flags = CLONE_CLEAR_SIGHAND;
  if (launch.Start(args) < 0) return false;
  launch.WaitForExec();
  // The janitor forks and its first process exits at once: there is nothing left that is our child.
  while (waitpid(launch.pid, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  return launch.error == 0;
}

void Janitor::Send(char action, const std::string &path) {
  if (!channel_ && (action == '-' || !Start())) {
    channel_.reset();
    return;
  }
  std::string packet = action + path;
  send(channel_.get(), packet.data(), packet.size(), MSG_NOSIGNAL);
}

} // namespace cofferdam
