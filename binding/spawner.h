// Spawner threads: they turn requests into live sandboxes, so that neither JavaScript nor libuv's pool waits for the
// kernel. One set per environment (a worker_thread has its own).
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "monotonic_condition.h"
#include "request.h"
#include "watcher.h"

namespace cofferdam {

class Spawner {
public:
  explicit Spawner(Watcher *watcher) : watcher_(watcher) {}
  ~Spawner() { Stop(); }

  // Starts the first thread, once. False with errno.
  bool Start();
  // More threads are started as they are needed and can be had. After Start().
  void Submit(std::unique_ptr<Request> request);
  // Finishes what is being launched, drops what is queued, joins the threads.
  void Stop();

private:
  bool AddThread();
  void Run();

  Watcher *watcher_; // outlives us
  std::mutex mutex_;
  MonotonicCondition wake_;
  std::deque<std::unique_ptr<Request>> queue_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

} // namespace cofferdam
