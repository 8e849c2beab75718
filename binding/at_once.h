// The short way of a command into a live box: one message, sent by the JavaScript thread itself.
//
// Its leaf, its process and its streams wait ready (seat.h), so nothing is left to be made, and a spawner would only be
// one more thread to be woken. Nothing here waits: where something is missing, or init reads too slowly for its channel
// to take the message, the request goes the usual way.
#pragma once

#include "request.h"
#include "watcher.h"

namespace cofferdam {

// False when nothing has been done, and a spawner has to do it.
bool StartAtOnce(Request *request, Watcher *watcher);

} // namespace cofferdam
