// Seats: the leaves of a command to come, with a process parked in them (init/parked.c).
//
// Joining a v1 group means waiting for every processor once, some 8 ms on an idle host, and with v2 alone making the
// leaf and being born in it is a tenth of a warm run; so it is done before anybody waits for it. An init from the stock
// has the seat of its command, a box that of its next one whenever nothing runs in it: a command of the box would see
// the parked process. Failing to make a seat is no failure: the command then makes its own leaves, and learns what is
// wrong.
#pragma once

#include "cgroup.h"
#include "sandbox.h"

namespace cofferdam {

// Whether there can be one: it lives in the sandbox's pid namespace, to end with it.
bool WantsSeat(const Request &request);

// Makes leaves and has init park a process in them, on its own time, which may begin with these exec records. Throws
// StepError with nothing left behind.
void Park(int channel, const LeafSpec &spec, const std::vector<uint8_t> &shared, Leaves *leaves);

// Removes leaves that nobody lives in, or will in a moment.
void RemoveSoon(Leaves *leaves);

// The same for a box, unless it has a seat or runs a command.
void ParkInBox(Box *box);

// A command for the box begins; and has ended: true when it was the last one, and a seat is wanted.
void EnterBox(Box *box);
bool LeaveBox(Box *box);

// Both at once, without waiting and with streams; false, and nothing is changed, where that cannot be.
bool TryEnterBox(Box *box, Leaves *leaves, std::unique_ptr<Kit> *kit);
// Undoes it, but for the streams.
void StepBack(Box *box, Leaves *leaves);

// Takes the box's seat, if there is one; and puts it back, when init has not been told of the command.
void TakeSeat(Box *box, Leaves *leaves, std::unique_ptr<Kit> *kit);
void ReturnSeat(Box *box, Leaves *leaves);

// The box has ended, and all its processes: there will be no more seats.
void RemoveSeat(Box *box);

} // namespace cofferdam
