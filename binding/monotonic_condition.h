// A condition variable whose time-outs are of CLOCK_MONOTONIC by its own attribute. std::condition_variable calls
// pthread_cond_clockwait for that, which glibc has from 2.30 on and musl not at all, or else waits by the wall clock,
// which may be set.
#pragma once

#include <pthread.h>
#include <time.h>

#include <cerrno>
#include <chrono>
#include <mutex>

namespace cofferdam {

class MonotonicCondition {
public:
  using Lock = std::unique_lock<std::mutex>;
  // Of CLOCK_MONOTONIC: the C++ library's steady clock on Linux.
  using Clock = std::chrono::steady_clock;

  MonotonicCondition() {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&condition_, &attributes); // cannot fail on Linux (pthread_cond_init(3))
    pthread_condattr_destroy(&attributes);
  }
  ~MonotonicCondition() { pthread_cond_destroy(&condition_); }
  MonotonicCondition(const MonotonicCondition &) = delete;
  MonotonicCondition &operator=(const MonotonicCondition &) = delete;

  void notify_one() { pthread_cond_signal(&condition_); }
  void notify_all() { pthread_cond_broadcast(&condition_); }

  template <typename Predicate> void wait(Lock &lock, Predicate done) {
    while (!done()) pthread_cond_wait(&condition_, lock.mutex()->native_handle());
  }

  // May return early, as every wait for a condition.
  void wait_until(Lock &lock, Clock::time_point end) { WaitUntil(lock, end); }

  // What `done` says at the end.
  template <typename Predicate> bool wait_for(Lock &lock, std::chrono::nanoseconds patience, Predicate done) {
    const Clock::time_point end = Clock::now() + patience;
    while (!done()) {
      if (WaitUntil(lock, end) == ETIMEDOUT) return done();
    }
    return true;
  }

private:
  int WaitUntil(Lock &lock, Clock::time_point end) {
    const std::chrono::nanoseconds at = end.time_since_epoch();
    const std::chrono::seconds whole = std::chrono::floor<std::chrono::seconds>(at);
    const timespec deadline = {static_cast<time_t>(whole.count()), static_cast<long>((at - whole).count())};
    return pthread_cond_timedwait(&condition_, lock.mutex()->native_handle(), &deadline);
  }

  pthread_cond_t condition_;
};

} // namespace cofferdam
