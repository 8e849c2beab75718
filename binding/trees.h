// Mounts that the addon lends to init: detached copies, taken with the caller's rights.
#pragma once

#include <vector>

#include "channel.h"
#include "request.h"

namespace cofferdam {

// Opens trees of a request; optional ones that are missing are left out. Throws StepError.
void OpenTrees(const Birthright &request, const std::vector<TreeSpec> &trees, std::vector<UniqueFd> *owned,
               std::vector<Loan> *loans);

} // namespace cofferdam
