// InterceptedClientCall: a channel's call inside its wrapping interceptors: what is common to unary calls and
// streams.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "rpc/intercepted_call.h"

namespace sluice::inline v0::detail {

class InterceptedChannel;
class InterceptedClientCall;

// What an interceptor changes holds for what is inside of it: levels further in, and attempts.
class ClientLevel final : public ClientInvocation, public Level {
 public:
  ClientLevel(InterceptedClientCall& call, ClientLevel* outer);
  const MethodInfo& method() const override;
  Loop& loop() const override;
  Message& request() override;
  std::optional<Message>& reply() override;
  const Context& context() override;
  TimePoint deadline() const override;
  void set_deadline(TimePoint deadline) override { deadline_ = deadline; }
  Metadata& metadata() override;
  const Metadata& header() const override;
  const Metadata& trailer() const override;
  const Addr& peer() const override;
  bool can_restart() const override;
  void keep_writes(std::size_t max_bytes) override;

 private:
  friend class InterceptedClientCall;
  bool begin_next(Next& next) override;
  ClientLevel* outer_level() const { return static_cast<ClientLevel*>(outer()); }

  InterceptedClientCall& client_call_;
  std::optional<Metadata> metadata_;  // none: that of the next level out
  std::optional<Message> request_;
  std::optional<TimePoint> deadline_;
};

// Thread: loop-only but for the constructor.
class InterceptedClientCall : public InterceptedCall {
 public:
  InterceptedClientCall(std::shared_ptr<InterceptedChannel> channel, const MethodInfo& method,
                        const CallOptions& options);

 protected:
  ~InterceptedClientCall() = default;
  friend class ClientLevel;

  ChannelBase& inner() const;
  const MethodInfo& method() const { return method_; }
  bool single_reply() const { return !method_.server_streams; }
  // The timeout begins to count.
  void begin_time();
  // Of the next attempt. Lifetime of what it points to: the call's, or until an interceptor goes on.
  CallOptions attempt_options() const;
  Message attempt_request() const;
  // Every attempt from now on ends with `why`, and what waits with the call's context is woken.
  void refuse_attempts(const Status& why);
  const Status& refusal() const { return refusal_; }
  // A request of the caller's as bytes, or the reason why it has none.
  Status take_request(const Message& request);
  // A message of this call, as interceptors see it.
  Message message_of(Message message) const;
  // What the caller is told if the chain ended with `status`; `reply`: the one reply, if there is one.
  Status outcome(Status status, Message& reply);

  // InterceptedCall
  Loop& call_loop() const override;
  std::size_t chain_size() const override;
  bool wraps(std::size_t index) const override;
  Level& make_level(Level* outer) override;
  void free_level(Level& level) override;
  Task<Status> intercept(std::size_t index, Level& level) override;
  Status check_next(Level&, bool) override { return {}; }

  // The last attempt's.
  virtual const Metadata& attempt_header() const = 0;
  virtual const Metadata& attempt_trailer() const = 0;
  virtual const Addr& attempt_peer() const = 0;
  virtual bool can_restart() const = 0;
  virtual void keep_writes(std::size_t max_bytes) = 0;

  // Constant once it has begun.
  const std::shared_ptr<InterceptedChannel>
      channel_;                               // shared: interceptors may run when its handles are gone
  const std::shared_ptr<const Codec> codec_;  // shared: with the channel; null: the types' own encodings
  Message request_;                           // as the caller gave it, in bytes
  const Metadata no_metadata_ = {};
  const Addr nowhere_ = {};

  std::optional<Message> reply_;

 private:
  const Context& context();

  const std::string path_;  // the caller may be gone
  MethodInfo method_;
  const Context callers_context_;
  const Duration timeout_;
  TimePoint deadline_;
  Metadata metadata_;
  const std::string compression_algorithm_;
  const std::string codec_name_;
  Context context_;  // for interceptors; made when one asks for it
  Status refusal_;
};

}  // namespace sluice::inline v0::detail
