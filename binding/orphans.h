// Groups of processes that have died and could not clean up: killed together with their janitor.
#pragma once

#include <string>

#include "unique_fd.h"

namespace cofferdam {

// Marks a group directory as that of a live process for as long as the descriptor is open. Invalid with errno when the
// directory is gone, or another process takes it for an orphan just now: then it has to be made anew.
UniqueFd MarkGroup(const std::string &path);

// Removes the orphans among the groups in a directory, with what still lives in them.
void RemoveOrphans(const std::string &base);

} // namespace cofferdam
