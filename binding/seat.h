// Seats: the leaves of a command to come, with a process parked in them (init/parked.c).
//
// Joining a v1 group means waiting for every processor once, some 8 ms on an idle host, and with v2 alone making the
// leaf and being born in it is a tenth of a warm run; so it is done before anybody waits for it. An init from the stock
// has the seat of its command, a box that of its next one whenever nothing runs in it: a command of the box would see
// the parked process. For one that comes at once after another, or beside it, leaves and streams wait without a
// process. Failing to make a seat is no failure: the command then makes its own leaves, and learns what is wrong.
#pragma once

#include "cgroup.h"
#include "sandbox.h"

namespace cofferdam {

// Whether there can be one: it lives in the sandbox's pid namespace, to end with it.
bool WantsSeat(const Request &request);

// Has init park a process in leaves, which are made if there are none, on its own time, which may begin with these exec
// records. Throws StepError with nothing left behind.
void Park(int channel, const LeafSpec &spec, const std::vector<uint8_t> &shared, Place *place);

// Removes leaves that nobody lives in, or will in a moment.
void RemoveSoon(Leaves *leaves);

// The same for a box, unless it has a seat or runs a command.
void ParkInBox(Box *box);

// While a command of it runs, nobody may be parked in a box; all else that the next one needs is made.
void PreparePlace(Box *box);

// A command for the box begins; and has ended: true when it was the last one, and a seat is wanted.
void EnterBox(Box *box);
bool LeaveBox(Box *box);

// Takes the place in the box, if there is one; and puts it back, when init has not been told of the command. Leaves
// that somebody has removed meanwhile are none.
void TakePlace(Box *box, Place *place);
void ReturnPlace(Box *box, Place *place);

// EnterBox and TakePlace at once, without waiting, where a process is parked and streams are made; false, and nothing
// is changed, where that is not so. And what undoes it, but for the streams.
bool TryEnterBox(Box *box, Place *place);
void StepBack(Box *box, Place *place);

// The box has ended, and all its processes: there will be no more seats.
void RemoveSeat(Box *box);

} // namespace cofferdam
