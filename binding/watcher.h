// The watcher: one thread per environment that owns every live box and command from launch to the last trace of it.
//
// It waits with epoll on the channels (what init reports), the pidfds (init's end), and the streams that Node does not
// handle itself (captured output, counted output, stdin given as bytes). On EXITED it reads the figures of the leaf and
// tells JavaScript at once; teardown follows: remove the leaves, and with a box that is over reap init, remove the
// workdir; tell `closed`. It never waits for anything but epoll, so a busy event loop delays nothing here and a
// thousand sandboxes need one thread.
//
// Locking: the maps, a box's list of commands, and the flags that say whether something may still be sent (`over`,
// `closing`, `init_gone`) are changed by the watcher thread (`closing` also by End) and read by Kill, End and Find on
// other threads, all under mutex_. All else belongs to the watcher thread once it is added, except that `channel` may
// be used for sending at any time: each request of a live box is one packet.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <vector>

#include "sandbox.h"
#include "step_error.h"

namespace cofferdam {

class Watcher {
public:
  // `wake` is called on the watcher thread when TakeEvents has something; it must not block.
  explicit Watcher(std::function<void()> wake) : wake_(std::move(wake)) {}
  ~Watcher() { Stop(); }

  // Opens epoll and starts the thread, once. False with errno.
  bool Start();
  // Kills and reaps everything that lives, removes what it made, joins the thread.
  void Stop();

  // JavaScript thread: announces an id before the spawner sees it.
  void Expect(uint32_t id);
  bool Kill(uint32_t id, int signal);
  // Sets the size of a command's terminal; false when it is over, or has none.
  bool Resize(uint32_t id, uint16_t columns, uint16_t rows);
  // Ends a command's tree; or a box, once all its commands have been ended and have reported.
  bool End(uint32_t id, uint32_t cause);
  // A command whose streams are ready, for a live box; `send` sends its request, without waiting. It is the watcher's
  // from then on, which need not be woken: whatever happens to it next does that. False when nothing was sent.
  bool AddAtOnce(std::unique_ptr<Command> *command, const std::function<bool()> &send);
  std::vector<Event> TakeEvents();

  // Spawner threads.
  bool IsCancelled(uint32_t id);
  std::shared_ptr<Box> Find(uint32_t id); // none when it is over
  // A new box, a command in it or in a live one, or both; `failure` says what kept it from being started.
  void Add(std::shared_ptr<Box> box, std::unique_ptr<Command> command, const StepError &failure);

private:
  struct Made {
    std::shared_ptr<Box> box; // only a new one
    std::unique_ptr<Command> command;
    StepError failure;
    bool watched = false; // its streams
  };

  struct Adopted {
    std::shared_ptr<Box> box; // likewise
    Command *command;
    StepError failure;
    bool watched;
  };

  void Run();
  void Drain();
  Command *FindSent(uint32_t id);
  bool IsBusy(const Box *box) const;
  void Adopt();
  Adopted Register(Made *made);
  bool WatchBox(Box *box);
  bool WatchStreams(Command *command);
  void WatchCommand(Command *command, bool watched);
  void Refuse(Command *command, int error);
  void GiveUp(const Adopted &one, const StepError &failure);
  void Dispatch(uint64_t token, uint32_t events);
  void ReadChannel(Box *box);
  void OnEvent(Box *box, Report report);
  void OnStarted(Command *command, Report report);
  void OnExited(Command *command, const wire_event &event);
  void OnFailed(Box *box, Command *command, const wire_event &event, const std::string &said = {});
  void TellFailed(Box *box, Command *command, const wire_event &event, const std::string &said = {});
  void OnInitEnd(Box *box);
  void ServeStream(Command *command, uint64_t slot, uint32_t events);
  void Capture(Command *command, Stream *stream);
  void CaptureRest(Command *command, Stream *stream);
  void Relay(Command *command, Stream *stream, uint64_t token);
  void Feed(Stream *stream);
  void CloseSource(Stream *stream);
  void Drop(Stream *stream);
  bool Take(Command *command, Stream *stream, bool *finished);
  bool WaitForReader(Stream *stream, bool wait, bool always, uint64_t from_token, uint64_t to_token);
  bool OpenTerminal(Command *command, UniqueFd master);
  void ServeTerminal(Command *command, uint64_t slot, uint32_t events);
  size_t EndOfInput(Stream *stream);
  bool IsDeserted(Command *command, Stream *stream, int error);
  void TakeRest(Command *command);
  void EndTerminal(Command *command);
  void HangUp(Command *command);
  bool CountOutput(Command *command, size_t *size);
  void SetOver(Command *command);
  void EndStreams(Command *command);
  void TellEnd(Command *command);
  void TellClosed(Command *command);
  void CleanUp(Command *command);
  void CleanUp(Box *box);
  void Tell(Event event);
  void Wake();
  bool WakeListener();
  bool Send(const Command &command, uint32_t signal, uint32_t cause);
  void CloseIfIdle(Box *box);
  void EndBox(Box *box, uint32_t cause);
  int Tick();
  int KillOverdue();
  void KillAll();

  std::function<void()> wake_;
  std::mutex mutex_;
  std::unordered_map<uint32_t, std::shared_ptr<Box>> boxes_;
  std::unordered_map<uint32_t, std::unique_ptr<Command>> commands_;
  std::map<uint32_t, uint32_t> expected_; // ids not added yet, with the cause of an End that came early
  std::vector<Made> added_;
  std::vector<Event> events_;
  std::vector<uint32_t> dying_;        // commands that are over, whose leaves are not gone
  std::map<uint32_t, int64_t> ending_; // asked to end, and until when (ms) init has time to do so
  UniqueFd epoll_, wakeup_;
  std::thread thread_;
  bool stopping_ = false;
  bool woken_ = false;
};

} // namespace cofferdam
