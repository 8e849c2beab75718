// See seat.h.
#include "seat.h"

#include <sched.h>

#include <chrono>
#include <mutex>
#include <thread>

#include "channel.h"
#include "stdio.h"
#include "step_error.h"

namespace cofferdam {
namespace {

constexpr int kRemovals = 200;
constexpr std::chrono::milliseconds kPause{5};

} // namespace

bool WantsSeat(const Request &request) {
  return request.namespaces & CLONE_NEWPID && !request.hierarchies.empty();
}

void Park(int channel, const LeafSpec &spec, const std::vector<uint8_t> &shared, Leaves *leaves) {
  std::vector<UniqueFd> owned;
  std::vector<Loan> loans;
  try {
    MakeLeaves(spec, leaves, &owned, &loans);
    if (!SendRequest(channel, 0, WIRE_PARK | BoundingSet(spec.right), loans, {}, shared, {true, 0}))
      FailStep(STEP_CHANNEL, 0);
    OpenStat(leaves);
  } catch (...) { // also for want of memory
    RemoveSoon(leaves);
    throw;
  }
}

void RemoveSoon(Leaves *leaves) {
  for (int attempt = 0; attempt < kRemovals && !RemoveLeaves(leaves); attempt++) std::this_thread::sleep_for(kPause);
}

void ParkInBox(Box *box) {
  Seat &seat = box->seat;
  std::lock_guard<std::mutex> lock(seat.mutex);
  if (!seat.wanted || seat.commands > 0 || !seat.leaves.paths.empty()) return;
  try {
    Park(box->channel.get(), {seat.right, seat.hierarchies, true}, seat.shared, &seat.leaves);
    seat.kit = MakeKit(seat.owner);
  } catch (...) {        // also for want of memory
    seat.wanted = false; // until the box ends: whatever it is will not pass so soon
  }
}

void EnterBox(Box *box) {
  std::lock_guard<std::mutex> lock(box->seat.mutex);
  box->seat.commands++;
}

bool LeaveBox(Box *box) {
  std::lock_guard<std::mutex> lock(box->seat.mutex);
  return --box->seat.commands == 0 && box->seat.wanted;
}

bool TryEnterBox(Box *box, Leaves *leaves, std::unique_ptr<Kit> *kit) {
  Seat &seat = box->seat;
  std::unique_lock<std::mutex> lock(seat.mutex, std::try_to_lock);
  if (!lock || !seat.kit || seat.leaves.paths.empty()) return false;
  seat.commands++;
  std::swap(*leaves, seat.leaves);
  std::swap(*kit, seat.kit);
  return true;
}

void StepBack(Box *box, Leaves *leaves) {
  std::lock_guard<std::mutex> lock(box->seat.mutex);
  box->seat.commands--;
  std::swap(*leaves, box->seat.leaves);
}

void TakeSeat(Box *box, Leaves *leaves, std::unique_ptr<Kit> *kit) {
  std::lock_guard<std::mutex> lock(box->seat.mutex);
  std::swap(*leaves, box->seat.leaves);
  std::swap(*kit, box->seat.kit);
}

void ReturnSeat(Box *box, Leaves *leaves) {
  std::lock_guard<std::mutex> lock(box->seat.mutex);
  std::swap(*leaves, box->seat.leaves);
}

void RemoveSeat(Box *box) {
  std::lock_guard<std::mutex> lock(box->seat.mutex);
  box->seat.wanted = false;
  box->seat.kit.reset();
  RemoveSoon(&box->seat.leaves);
}

} // namespace cofferdam
