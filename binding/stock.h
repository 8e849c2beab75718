// Stock: inits made ahead, on a thread of their own, for recipes that have just been used.
//
// An init from the stock is born and behind its walls, and has carried out what follows from the recipe alone: /proc
// and its masks, /dev, an empty stage. It has seen nothing of the caller's directories, serves one sandbox and is never
// put back. It is made as it would be on the spot; only the moment differs. A waiting init holds no mount of the host,
// is found under the name cofferdam-blank, and ends when Node does, or a moment after its recipe was last used.
//
// One stock per process, not per environment. All functions are thread-safe.
#pragma once

#include "newborn.h"
#include "request.h"
#include "sandbox.h"

namespace cofferdam {

// Takes an init for this request, and has others made. False when there is none: then the caller makes its own. Every
// call for a request with `stocked` is the beginning of a launch.
bool TakeBlank(const Request &request, Newborn *newborn);

// A launch is over: its command runs, or has failed.
void LaunchIsOver();

// Gives a box in which nothing runs any more the seat of its next command (seat.h), unless that comes at once.
void ParkSoon(const std::shared_ptr<Box> &box);

// The same, but for the process, of a box in which commands come in a close row: now.
void PrepareSoon(const std::shared_ptr<Box> &box);

// Takes the network namespace of a sandbox that is over. The kernel's thread that removes namespaces does several at
// once for little more than one, so they are let go together.
void ReturnNetwork(UniqueFd network);

// Ends all waiting inits and lets all namespaces go, now.
void DrainStock();

} // namespace cofferdam
