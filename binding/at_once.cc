// See at_once.h.
#include "at_once.h"

#include <sys/socket.h>

#include "channel.h"
#include "seat.h"
#include "stdio.h"
#include "step_error.h"

namespace cofferdam {
namespace {

constexpr size_t kInputMax = 65536;                    // what a pipe takes
constexpr size_t kRequestMax = WIRE_INLINE_MAX - 1024; // with its roles still one packet

// What a kit has the streams for; an input is written to a pipe that is made here.
bool IsPlain(const Request &request) {
  const StdioSpec &input = request.stdio[0];
  const bool fed = input.kind == WIRE_STDIO_FEED && input.input.size() <= kInputMax;
  return request.box && !request.tell_start && (fed || input.kind == WIRE_STDIO_NULL) &&
         request.stdio[1].kind == WIRE_STDIO_COLLECT && request.stdio[2].kind == WIRE_STDIO_COLLECT &&
         request.exec.size() <= kRequestMax;
}

bool Send(Request *request, std::unique_ptr<Command> *command, Kit *kit, Watcher *watcher) {
  std::vector<UniqueFd> owned;
  std::vector<Loan> loans;
  PrepareStdio(request, command->get(), kit, &owned, &loans);
  const int channel = (*command)->box->channel.get();
  const uint32_t flags = BoundingSet(*request) | WIRE_SEATED | WIRE_SILENT;
  return watcher->AddAtOnce(command, [&] {
    return SendRequest(channel, request->id, flags, loans, {}, request->exec, {false, MSG_DONTWAIT});
  });
}

} // namespace

bool StartAtOnce(Request *request, Watcher *watcher) {
  if (!IsPlain(*request)) return false;
  std::shared_ptr<Box> box = watcher->Find(request->box);
  Place place;
  if (!box || !TryEnterBox(box.get(), &place)) return false;
  auto command = NewCommand(*request, box);
  command->leaf_paths = place.leaves.paths;
  std::swap(command->leaves, place.leaves);
  try {
    if (Send(request, &command, place.kit.get(), watcher)) return true;
  } catch (const StepError &) { // the pipe for its input, which a spawner will say as well
  }
  Stream &input = command->streams[0];
  if (input.kind == Stream::kFeed) request->stdio[0].input = std::move(input.data);
  std::swap(command->leaves, place.leaves);
  StepBack(box.get(), &place);
  return false;
}

} // namespace cofferdam
