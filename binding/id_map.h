// Ids: the maps of a sandbox's user namespace, and namespaces that only lend their maps to mounts.
#pragma once

#include <sys/types.h>

#include "request.h"

namespace cofferdam {

// Writes setgroups, gid_map and uid_map of a child that has not executed anything yet (user_namespaces(7)), or has them
// written (map_writers.h).
// Throws StepError.
void WriteIdMaps(pid_t child, const Birthright &request);

// Writes /proc/<pid>/timens_offsets (time_namespaces(7), 5.6); must precede the child's execve. Throws StepError.
void WriteClockOffsets(pid_t child, const Birthright &request);

// A user namespace with these maps and nobody in it, for MOUNT_ATTR_IDMAP (5.12); cached for the process's life.
// -1 with errno when it cannot be had.
int IdMapNamespace(const Birthright &request);

} // namespace cofferdam
