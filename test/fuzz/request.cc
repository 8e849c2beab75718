// The addon's reading of a request, and of its host section.
#include "../../binding/request.h"

#include <cstdlib>
#include <cstring>
#include <memory>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  // At the very end of its memory, as a typed array may be.
  std::unique_ptr<uint8_t[]> bytes(new uint8_t[size ? size : 1]);
  if (size) memcpy(bytes.get(), data, size);
  cofferdam::Request request;
  if (!cofferdam::ParseRequest(bytes.get(), size, &request)) return 0;
  if (request.ahead.size() + request.boot.size() + request.exec.size() > size) abort();
  for (const cofferdam::IdMapLine &line : request.id_map)
    if (line.which > 1) abort();
  return 0;
}
