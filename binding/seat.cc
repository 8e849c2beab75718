// See seat.h.
#include "seat.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
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

void Discard(Place *place) {
  RemoveSoon(&place->leaves);
  *place = Place();
}

// Leaves that nobody lives in can be removed by anybody.
bool Stands(const Place &place) {
  const auto stands = [](const std::string &path) { return access(path.c_str(), F_OK) == 0; };
  return place.parked || std::all_of(place.leaves.paths.begin(), place.leaves.paths.end(), stands);
}

} // namespace

bool WantsSeat(const Request &request) {
  return request.namespaces & CLONE_NEWPID && !request.hierarchies.empty();
}

void Park(int channel, const LeafSpec &spec, const std::vector<uint8_t> &shared, Place *place) {
  try {
    if (place->leaves.paths.empty()) MakeLeaves(spec, &place->leaves, &place->owned, &place->loans);
    const uint32_t flags = WIRE_PARK | BoundingSet(spec.right);
    if (!SendRequest(channel, 0, flags, place->loans, {}, shared, {true, 0})) FailStep(STEP_CHANNEL, 0);
    OpenStat(&place->leaves);
  } catch (...) { // also for want of memory
    Discard(place);
    throw;
  }
  place->parked = true;
  place->owned.clear();
  place->loans.clear();
}

void RemoveSoon(Leaves *leaves) {
  for (int attempt = 0; attempt < kRemovals && !RemoveLeaves(leaves); attempt++) std::this_thread::sleep_for(kPause);
}

void ParkInBox(Box *box) {
  Seat &seat = box->seat;
  std::lock_guard<std::mutex> lock(seat.mutex);
  if (!seat.wanted || seat.commands > 0 || seat.place.parked) return;
  if (!Stands(seat.place)) Discard(&seat.place);
  try {
    Park(box->channel.get(), {seat.right, seat.hierarchies, true}, seat.shared, &seat.place);
    if (!seat.place.kit) seat.place.kit = MakeKit(seat.owner);
  } catch (...) {        // also for want of memory
    seat.wanted = false; // until the box ends: whatever it is will not pass so soon
  }
}

void PreparePlace(Box *box) {
  Seat &seat = box->seat;
  std::lock_guard<std::mutex> lock(seat.mutex);
  Place &place = seat.place;
  if (!seat.wanted || !place.leaves.paths.empty()) return;
  place.kit = MakeKit(seat.owner);
  if (!place.kit) return;
  try {
    MakeLeaves({seat.right, seat.hierarchies, true}, &place.leaves, &place.owned, &place.loans);
    OpenStat(&place.leaves);
  } catch (...) { // as above
    Discard(&place);
    seat.wanted = false;
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

void TakePlace(Box *box, Place *place) {
  {
    std::lock_guard<std::mutex> lock(box->seat.mutex);
    std::swap(*place, box->seat.place);
  }
  if (!Stands(*place)) Discard(place);
}

// PreparePlace may have made another meanwhile; but not where one is parked. Streams may have been used.
void ReturnPlace(Box *box, Place *place) {
  place->kit.reset();
  {
    std::lock_guard<std::mutex> lock(box->seat.mutex);
    if (place->parked || box->seat.place.leaves.paths.empty()) std::swap(*place, box->seat.place);
  }
  Discard(place);
}

bool TryEnterBox(Box *box, Place *place) {
  Seat &seat = box->seat;
  std::unique_lock<std::mutex> lock(seat.mutex, std::try_to_lock);
  if (!lock || !seat.place.kit || !seat.place.parked) return false;
  seat.commands++;
  std::swap(*place, seat.place);
  return true;
}

void StepBack(Box *box, Place *place) {
  {
    std::lock_guard<std::mutex> lock(box->seat.mutex);
    box->seat.commands--;
  }
  ReturnPlace(box, place);
}

void RemoveSeat(Box *box) {
  std::lock_guard<std::mutex> lock(box->seat.mutex);
  box->seat.wanted = false;
  Discard(&box->seat.place);
}

} // namespace cofferdam
