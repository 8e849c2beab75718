// The watcher: one thread per environment that owns every live sandbox from launch to the last trace of it.
//
// It waits with epoll on the channels (what init reports), the pidfds (init's end), and the streams that Node does not
// handle itself (captured output, counted output, stdin given as bytes). On EXITED it reads the figures of the leaf and
// tells JavaScript at once; teardown follows: reap init, remove leaves and workdir, tell `closed`. It never waits for
// anything but epoll, so a busy event loop delays nothing here and a thousand sandboxes need one thread.
//
// Locking: the map of sandboxes is changed by Add and by the watcher thread, and read by Kill and End on the JavaScript
// thread, all under mutex_. A sandbox's own fields belong to the watcher thread once it is added, except that `channel`
// may be used for sending under mutex_.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "sandbox.h"
#include "step_error.h"

namespace cofferdam {

class Watcher {
public:
  // `wake` is called on the watcher thread when TakeEvents has something; it must not block.
  explicit Watcher(std::function<void()> wake) : wake_(std::move(wake)) {}
  ~Watcher() { Stop(); }

  // Opens epoll and starts the thread, once. False with errno.
  bool Start();
  // Kills and reaps everything that lives, removes what it made, joins the thread.
  void Stop();

  // JavaScript thread: announces an id before the spawner sees it.
  void Expect(uint32_t id);
  bool Kill(uint32_t id, int signal);
  bool End(uint32_t id, uint32_t cause);
  std::vector<Event> TakeEvents();

  // Spawner threads.
  bool IsCancelled(uint32_t id);
  void Add(std::unique_ptr<Sandbox> sandbox, const StepError &failure);

private:
  void Run();
  void Adopt();
  void Dispatch(uint64_t token, uint32_t events);
  void ReadChannel(Sandbox *sandbox);
  void OnExited(Sandbox *sandbox, const wire_event &event);
  void OnInitEnd(Sandbox *sandbox);
  void ServeStream(Sandbox *sandbox, int fd);
  void Capture(Sandbox *sandbox, Stream *stream);
  void Relay(Sandbox *sandbox, Stream *stream, uint64_t token);
  void Feed(Stream *stream);
  bool CountOutput(Sandbox *sandbox, size_t *size);
  void TellEnd(Sandbox *sandbox);
  void TellFailure(Sandbox *sandbox, const wire_event &event, const std::string &said = {});
  void CleanUp(Sandbox *sandbox);
  void WatchStreams(Sandbox *sandbox);
  void Tell(Event event);
  void Wake();
  bool Send(uint32_t id, uint32_t signal, uint32_t cause);
  int Tick();
  int KillOverdue();
  void KillAll();

  std::function<void()> wake_;
  std::mutex mutex_;
  std::unordered_map<uint32_t, std::unique_ptr<Sandbox>> sandboxes_;
  std::map<uint32_t, uint32_t> expected_; // ids not added yet, with the cause of an End that came early
  std::vector<std::pair<std::unique_ptr<Sandbox>, StepError>> added_;
  std::vector<Event> events_;
  std::vector<uint32_t> dying_;        // init is gone, leaves are not
  std::map<uint32_t, int64_t> ending_; // asked to end, and until when (ms) init has time to do so
  UniqueFd epoll_, wakeup_;
  std::thread thread_;
  bool stopping_ = false;
  bool woken_ = false;
};

} // namespace cofferdam
