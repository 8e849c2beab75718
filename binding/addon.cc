// The addon's face to JavaScript: see NativeBinding in src/native.ts for the contract. One Instance per environment
// (the main thread and each worker_thread); its cleanup hook ends every sandbox of that environment.
#include <napi.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <memory>
#include <set>
#include <string>

#include "at_once.h"
#include "host_probe.h"
#include "request.h"
#include "spawner.h"
#include "stock.h"
#include "watcher.h"

namespace cofferdam {
namespace {

constexpr size_t kNumbers = 16; // of an event, at most

const char *const kSteps[] = {
#define STEP(symbol, name) name,
#include "init/steps.def"
#undef STEP
};

class Instance : public Napi::Addon<Instance> {
public:
  Instance(Napi::Env env, Napi::Object exports);
  ~Instance() { Shutdown(); }

private:
  Napi::Value Attach(const Napi::CallbackInfo &info);
  Napi::Value Spawn(const Napi::CallbackInfo &info);
  Napi::Value Kill(const Napi::CallbackInfo &info);
  Napi::Value End(const Napi::CallbackInfo &info);
  Napi::Value Resize(const Napi::CallbackInfo &info);
  Napi::Value ShowAsWritten(const Napi::CallbackInfo &info);
  Napi::Value Hold(const Napi::CallbackInfo &info);
  Napi::Value Claim(const Napi::CallbackInfo &info);
  Napi::Value Drain(const Napi::CallbackInfo &info);
  Napi::Value Probe(const Napi::CallbackInfo &info);
  void Deliver(Napi::Env env, Napi::Function listener);
  void Shutdown();

  // The order is that of construction: the spawner uses the watcher.
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<Spawner> spawner_;
  Napi::ThreadSafeFunction listener_;
  std::set<int> unclaimed_;   // pipe ends that JavaScript knows by number only: nobody else closes them for it
  double *numbers_ = nullptr; // of an array that JavaScript made and we keep
  Napi::ObjectReference numbers_array_;
  uint32_t next_id_ = 1;
  uint32_t holds_ = 0;        // that keep the event loop alive: one for each id that is not closed...
  std::set<uint32_t> unheld_; // ...except for these
};

Instance::Instance(Napi::Env env, Napi::Object exports) {
  Napi::Array steps = Napi::Array::New(env, STEP_COUNT);
  for (uint32_t i = 0; i < STEP_COUNT; i++) steps.Set(i, kSteps[i]);
  DefineAddon(exports, {
                           InstanceValue("steps", steps, napi_enumerable),
                           InstanceMethod("attach", &Instance::Attach),
                           InstanceMethod("spawn", &Instance::Spawn),
                           InstanceMethod("kill", &Instance::Kill),
                           InstanceMethod("end", &Instance::End),
                           InstanceMethod("resize", &Instance::Resize),
                           InstanceMethod("showAsWritten", &Instance::ShowAsWritten),
                           InstanceMethod("hold", &Instance::Hold),
                           InstanceMethod("claim", &Instance::Claim),
                           InstanceMethod("drain", &Instance::Drain),
                           InstanceMethod("probe", &Instance::Probe),
                       });
}

Napi::Value Instance::Attach(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (!info[0].IsFunction() || !info[1].IsTypedArray())
    throw Napi::TypeError::New(env, "attach expects a function and a Float64Array");
  auto numbers = info[1].As<Napi::TypedArrayOf<double>>();
  if (numbers.TypedArrayType() != napi_float64_array || numbers.ElementLength() < kNumbers)
    throw Napi::TypeError::New(env, "attach expects room for " + std::to_string(kNumbers) + " numbers");
  if (watcher_) throw Napi::Error::New(env, "attach was called before");
  listener_ = Napi::ThreadSafeFunction::New(env, info[0].As<Napi::Function>(), "cofferdam", 0, 1);
  listener_.Unref(env);
  numbers_ = numbers.Data();
  numbers_array_ = Napi::Persistent(numbers.As<Napi::Object>());
  watcher_ = std::make_unique<Watcher>([this] {
    listener_.NonBlockingCall([this](Napi::Env env, Napi::Function listener) { Deliver(env, listener); });
  });
  spawner_ = std::make_unique<Spawner>(watcher_.get());
  // Hooks run last in, first out: this one before that of the thread-safe function.
  env.AddCleanupHook([this] { Shutdown(); });
  return env.Undefined();
}

void Instance::Shutdown() {
  if (spawner_) spawner_->Stop();
  if (watcher_) watcher_->Stop();
  spawner_.reset();
  watcher_.reset();
  for (int fd : unclaimed_) close(fd);
  unclaimed_.clear();
}

Napi::Value Instance::Spawn(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (!watcher_ || !info[0].IsTypedArray()) throw Napi::TypeError::New(env, "spawn expects a Uint8Array, after attach");
  auto bytes = info[0].As<Napi::Uint8Array>();
  auto request = std::make_unique<Request>();
  if (!ParseRequest(bytes.Data(), bytes.ByteLength(), request.get()))
    throw Napi::Error::New(env, "malformed request: the package's JavaScript and its addon do not match");
  if (!watcher_->Start() || !spawner_->Start()) {
    int error = errno;
    Napi::Error failure = Napi::Error::New(env, "a thread cannot be started");
    failure.Set("errno", Napi::Number::New(env, error)); // spawnNative makes a SandboxSetupError of it
    throw failure;
  }
  uint32_t id = next_id_++;
  request->id = id;
  if (info[1].IsNumber()) request->box = info[1].ToNumber().Uint32Value();
  if (holds_++ == 0) listener_.Ref(env);
  watcher_->Expect(id);
  if (!StartAtOnce(request.get(), watcher_.get())) spawner_->Submit(std::move(request));
  return Napi::Number::New(env, id);
}

Napi::Value Instance::Kill(const Napi::CallbackInfo &info) {
  bool sent = watcher_ && watcher_->Kill(info[0].ToNumber().Uint32Value(), info[1].ToNumber().Int32Value());
  return Napi::Boolean::New(info.Env(), sent);
}

Napi::Value Instance::End(const Napi::CallbackInfo &info) {
  bool sent = watcher_ && watcher_->End(info[0].ToNumber().Uint32Value(), info[1].ToNumber().Uint32Value());
  return Napi::Boolean::New(info.Env(), sent);
}

Napi::Value Instance::Resize(const Napi::CallbackInfo &info) {
  bool set = watcher_ &&
             watcher_->Resize(info[0].ToNumber().Uint32Value(), static_cast<uint16_t>(info[1].ToNumber().Uint32Value()),
                              static_cast<uint16_t>(info[2].ToNumber().Uint32Value()));
  return Napi::Boolean::New(info.Env(), set);
}

Napi::Value Instance::ShowAsWritten(const Napi::CallbackInfo &info) {
  const int fd = info[0].ToNumber().Int32Value();
  termios settings;
  bool set = tcgetattr(fd, &settings) == 0;
  if (set) {
    settings.c_oflag &= ~static_cast<tcflag_t>(OPOST);
    set = tcsetattr(fd, TCSADRAIN, &settings) == 0;
  }
  return Napi::Boolean::New(info.Env(), set);
}

// The id must be one that is not closed.
Napi::Value Instance::Hold(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  const uint32_t id = info[0].ToNumber().Uint32Value();
  if (info[1].ToBoolean()) {
    if (unheld_.erase(id) && holds_++ == 0) listener_.Ref(env);
  } else if (unheld_.insert(id).second && --holds_ == 0) {
    listener_.Unref(env);
  }
  return env.Undefined();
}

Napi::Value Instance::Claim(const Napi::CallbackInfo &info) {
  bool known = unclaimed_.erase(info[0].ToNumber().Int32Value()) > 0;
  return Napi::Boolean::New(info.Env(), known);
}

Napi::Value Instance::Drain(const Napi::CallbackInfo &info) {
  DrainStock();
  return info.Env().Undefined();
}

Napi::Value Instance::Probe(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  ProbeAnswer answer;
  if (!RunProbe(info[0].ToString(), info[1].ToBoolean(), &answer))
    throw Napi::Error::New(env, "there is no such probe");
  Napi::Object object = Napi::Object::New(env);
  object.Set("errno", answer.error);
  object.Set("value", answer.value);
  object.Set("at", answer.at);
  return object;
}

// An event goes to JavaScript as its kind, its id, numbers in memory that both sides know, and texts: an object with
// named properties would cost a look-up of each name, on the main thread.
void WriteNumbers(const Event &event, double *numbers) {
  const wire_event &wire = event.wire;
  const double exited[] = {static_cast<double>(wire.status),
                           static_cast<double>(wire.cause),
                           static_cast<double>(wire.syscall),
                           static_cast<double>(wire.architecture),
                           static_cast<double>(event.pid),
                           static_cast<double>(wire.wall_ns),
                           static_cast<double>(wire.user_us),
                           static_cast<double>(wire.system_us),
                           static_cast<double>(wire.max_rss_kib),
                           static_cast<double>(wire.major_faults),
                           static_cast<double>(wire.voluntary_switches),
                           static_cast<double>(wire.involuntary_switches),
                           static_cast<double>(wire.in_blocks),
                           static_cast<double>(wire.out_blocks),
                           static_cast<double>(event.output_bytes),
                           static_cast<double>(event.stats.size())};
  const double started[] = {static_cast<double>(event.pid), static_cast<double>(event.stdio[0]),
                            static_cast<double>(event.stdio[1]), static_cast<double>(event.stdio[2])};
  const double failed[] = {static_cast<double>(wire.phase), static_cast<double>(wire.step),
                           static_cast<double>(wire.index), static_cast<double>(wire.error)};
  static_assert(std::size(exited) == kNumbers);
  if (event.kind == Event::kExited) std::copy(std::begin(exited), std::end(exited), numbers);
  if (event.kind == Event::kStarted) std::copy(std::begin(started), std::end(started), numbers);
  if (event.kind == Event::kReady) numbers[0] = static_cast<double>(event.pid);
  if (event.kind == Event::kFailed) std::copy(std::begin(failed), std::end(failed), numbers);
}

// What the program wrote; undefined when that was nothing, or is not collected here.
Napi::Value Output(Napi::Env env, const std::vector<uint8_t> &data) {
  return data.empty() ? env.Undefined() : Napi::Buffer<uint8_t>::Copy(env, data.data(), data.size());
}

// When a worker is being terminated nothing can be made or called any more: what is left of the events is then dropped.
void Instance::Deliver(Napi::Env env, Napi::Function listener) {
  if (!watcher_) return;
  for (Event &event : watcher_->TakeEvents()) {
    for (int fd : event.stdio)
      if (fd >= 0) unclaimed_.insert(fd);
    if (event.kind == Event::kClosed && !unheld_.erase(event.id) && --holds_ == 0) listener_.Unref(env);
    Napi::HandleScope scope(env);
    try {
      WriteNumbers(event, numbers_);
      Napi::Array texts = Napi::Array::New(env, event.stats.size() + event.cgroups.size());
      uint32_t at = 0;
      for (const auto *list : {&event.stats, &event.cgroups})
        for (const std::string &text : *list) texts.Set(at++, text);
      listener.Call({Napi::Number::New(env, event.kind), Napi::Number::New(env, event.id), texts,
                     Output(env, event.out), Output(env, event.err)});
    } catch (const Napi::Error &error) {
      error.ThrowAsJavaScriptException();
    }
  }
}

} // namespace

NODE_API_NAMED_ADDON(cofferdam, Instance)

} // namespace cofferdam
