// File systems by the mount API of 5.2: in no mount namespace until somebody moves them into one.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <utility>

#include "unique_fd.h"

namespace cofferdam {

// A new instance with these options, mounted with these attributes (MOUNT_ATTR_*). Invalid with errno.
UniqueFd MakeDetached(const char *type, std::initializer_list<std::pair<const char *, const char *>> options,
                      uint64_t attributes);

// Moves it onto a directory, which is found as by openat(2). False with errno.
bool MoveOnto(const UniqueFd &mount, int directory, const char *path);

} // namespace cofferdam
