// Removing a directory with all that is in it.
#pragma once

namespace cofferdam {

// Follows no link. False with errno when something is left; true also when there was nothing.
bool RemoveTree(const char *path);

} // namespace cofferdam
