// The command's descriptors 0-2, prepared before it exists.
#pragma once

#include <memory>
#include <vector>

#include "channel.h"
#include "request.h"
#include "sandbox.h"

namespace cofferdam {

// Opens what the request asks for: the command's ends go to *loans (owned by *owned until sent, or by the stream that
// collects what comes from it), ours to the command.
// Those of a kit are used for what it has, each once. Throws StepError.
void PrepareStdio(Request *request, Command *command, Kit *kit, std::vector<UniqueFd> *owned, std::vector<Loan> *loans);

// What a command that is run needs, made ahead; none where it cannot be had, or many wait already.
std::unique_ptr<Kit> MakeKit(const Owner &owner);

} // namespace cofferdam
