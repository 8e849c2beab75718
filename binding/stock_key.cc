// See stock_key.h.
#include "stock_key.h"

#include <unistd.h>

#include <algorithm>

#include "seat.h"

namespace cofferdam {
namespace {

template <typename T> void Append(std::string *key, const T &value) {
  key->append(reinterpret_cast<const char *>(&value), sizeof value);
}

void AppendLeaf(std::string *key, const HierarchySpec &spec) {
  const auto text = [key](const std::string &value) {
    Append(key, value.size());
    key->append(value);
  };
  Append(key, spec.index); // failures name it
  Append(key, spec.version);
  Append(key, spec.cpu_clock);
  for (const std::string *value : {&spec.base, &spec.enable, &spec.cpu_clock_file}) text(*value);
  for (const auto *files : {&spec.group_writes, &spec.limits, &spec.stats}) {
    Append(key, files->size());
    for (const CgroupFile &file : *files) {
      Append(key, file.index);
      Append(key, file.optional);
      text(file.file);
      text(file.value);
    }
  }
}

} // namespace

// Only where joining takes long, since recipes that differ in limits then have shelves apart. What is given to init
// later, a process that has been parked does not get; and a box has no command yet.
bool Parks(const Request &request) {
  const auto is_v1 = [](const HierarchySpec &spec) { return spec.version == 1; };
  return WantsSeat(request) && std::any_of(request.hierarchies.begin(), request.hierarchies.end(), is_v1) &&
         !request.exec.empty() && request.rlimits.empty() && !request.has_nice;
}

// The owner of everything is part of it: a process that gives up its privileges has a stock of another kind.
std::string KeyOf(const Request &request) {
  std::string key;
  key.reserve(1024);
  Append(&key, geteuid());
  Append(&key, getegid());
  Append(&key, request.namespaces);
  Append(&key, request.init_capabilities);
  Append(&key, request.no_capabilities);
  for (const std::string *path : {&request.newuidmap, &request.newgidmap}) key.append(*path).push_back('\0');
  for (const IdMapLine &line : request.id_map)
    for (uint32_t number : {line.which, line.inside, line.outside, line.count}) Append(&key, number);
  const bool parks = Parks(request);
  Append(&key, parks);
  for (const HierarchySpec &spec : request.hierarchies)
    if (parks)
      AppendLeaf(&key, spec);
    else if (spec.version == 2)
      key += spec.base;
  key.push_back('\0');
  key.append(reinterpret_cast<const char *>(request.ahead.data()), request.ahead.size());
  return key;
}

} // namespace cofferdam
