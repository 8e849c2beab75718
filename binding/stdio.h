// The command's descriptors 0-2, prepared before it exists.
#pragma once

#include <vector>

#include "channel.h"
#include "request.h"
#include "sandbox.h"

namespace cofferdam {

// Opens what the request asks for: the command's ends go to *loans (owned by *owned until sent, or by the stream that
// collects what comes from it), ours to the command.
// Throws StepError.
void PrepareStdio(Request *request, Command *command, std::vector<UniqueFd> *owned, std::vector<Loan> *loans);

} // namespace cofferdam
