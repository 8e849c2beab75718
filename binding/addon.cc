// The addon's face to JavaScript: see NativeBinding in src/binding.ts for the contract. One Instance per environment
// (the main thread and each worker_thread); its cleanup hook ends every sandbox of that environment.
#include <napi.h>
#include <unistd.h>

#include <memory>
#include <set>

#include "request.h"
#include "spawner.h"
#include "watcher.h"

namespace cofferdam {
namespace {

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
  Napi::Value Claim(const Napi::CallbackInfo &info);
  void Deliver(Napi::Env env, Napi::Function listener);
  void Shutdown();

  // The order is that of construction: the spawner uses the watcher.
  std::unique_ptr<Watcher> watcher_;
  std::unique_ptr<Spawner> spawner_;
  Napi::ThreadSafeFunction listener_;
  std::set<int> unclaimed_; // pipe ends that JavaScript knows by number only: nobody else closes them for it
  uint32_t next_id_ = 1;
  uint32_t live_ = 0;
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
                           InstanceMethod("claim", &Instance::Claim),
                       });
}

Napi::Value Instance::Attach(const Napi::CallbackInfo &info) {
  Napi::Env env = info.Env();
  if (!info[0].IsFunction()) throw Napi::TypeError::New(env, "attach expects a function");
  if (watcher_) throw Napi::Error::New(env, "attach was called before");
  listener_ = Napi::ThreadSafeFunction::New(env, info[0].As<Napi::Function>(), "cofferdam", 0, 1);
  listener_.Unref(env);
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
  if (!watcher_->Start()) {
    int error = errno;
    Napi::Error failure = Napi::Error::New(env, "the watcher thread cannot be started");
    failure.Set("errno", Napi::Number::New(env, error)); // spawnNative makes a SandboxSetupError of it
    throw failure;
  }
  uint32_t id = next_id_++;
  request->id = id;
  if (live_++ == 0) listener_.Ref(env);
  watcher_->Expect(id);
  spawner_->Submit(std::move(request));
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

Napi::Value Instance::Claim(const Napi::CallbackInfo &info) {
  bool known = unclaimed_.erase(info[0].ToNumber().Int32Value()) > 0;
  return Napi::Boolean::New(info.Env(), known);
}

Napi::Array Strings(Napi::Env env, const std::vector<std::string> &texts) {
  Napi::Array array = Napi::Array::New(env, texts.size());
  for (uint32_t i = 0; i < texts.size(); i++) array.Set(i, texts[i]);
  return array;
}

void DescribeExit(Napi::Env env, const Event &event, Napi::Object *object) {
  const wire_event &wire = event.wire;
  auto number = [&](const char *name, double value) { object->Set(name, Napi::Number::New(env, value)); };
  number("status", wire.status);
  number("cause", wire.cause);
  number("syscall", wire.syscall);
  number("architecture", wire.architecture);
  number("pid", event.pid);
  number("wallNs", static_cast<double>(wire.wall_ns));
  number("userUs", static_cast<double>(wire.user_us));
  number("systemUs", static_cast<double>(wire.system_us));
  number("maxRssKib", static_cast<double>(wire.max_rss_kib));
  number("majorFaults", static_cast<double>(wire.major_faults));
  number("voluntarySwitches", static_cast<double>(wire.voluntary_switches));
  number("involuntarySwitches", static_cast<double>(wire.involuntary_switches));
  number("inBlocks", static_cast<double>(wire.in_blocks));
  number("outBlocks", static_cast<double>(wire.out_blocks));
  number("outputBytes", static_cast<double>(event.output_bytes));
  object->Set("stats", Strings(env, event.stats));
  object->Set("cgroups", Strings(env, event.cgroups));
  if (!event.collected) return;
  object->Set("stdout", Napi::Buffer<uint8_t>::Copy(env, event.out.data(), event.out.size()));
  object->Set("stderr", Napi::Buffer<uint8_t>::Copy(env, event.err.data(), event.err.size()));
}

Napi::Object Describe(Napi::Env env, const Event &event) {
  static const char *const kinds[] = {"started", "failed", "exited", "lost", "closed"};
  Napi::Object object = Napi::Object::New(env);
  object.Set("kind", kinds[event.kind]);
  object.Set("id", event.id);
  if (event.kind == Event::kStarted) {
    Napi::Array stdio = Napi::Array::New(env, 3);
    for (uint32_t fd = 0; fd < 3; fd++) stdio.Set(fd, event.stdio[fd]);
    object.Set("pid", event.pid);
    object.Set("stdio", stdio);
    object.Set("cgroups", Strings(env, event.cgroups));
  } else if (event.kind == Event::kFailed) {
    object.Set("phase", event.wire.phase);
    object.Set("step", event.wire.step);
    object.Set("index", event.wire.index);
    object.Set("errno", event.wire.error);
  } else if (event.kind == Event::kExited) {
    DescribeExit(env, event, &object);
  }
  return object;
}

// When a worker is being terminated nothing can be made or called any more: what is left of the events is then dropped.
void Instance::Deliver(Napi::Env env, Napi::Function listener) {
  if (!watcher_) return;
  for (Event &event : watcher_->TakeEvents()) {
    for (int fd : event.stdio)
      if (fd >= 0) unclaimed_.insert(fd);
    if (event.kind == Event::kClosed && --live_ == 0) listener_.Unref(env);
    Napi::HandleScope scope(env);
    try {
      listener.Call({Describe(env, event)});
    } catch (const Napi::Error &error) {
      error.ThrowAsJavaScriptException();
    }
  }
}

} // namespace

NODE_API_NAMED_ADDON(cofferdam, Instance)

} // namespace cofferdam
