// What tells the inits of the stock apart: a request may take one if its key is the same.
#pragma once

#include <string>

#include "request.h"

namespace cofferdam {

// Everything that an init for this request is made from, and the leaves of its command if a process is parked in them.
std::string KeyOf(const Request &request);

// Whether inits for this request are made with a seat (seat.h).
bool Parks(const Request &request);

} // namespace cofferdam
