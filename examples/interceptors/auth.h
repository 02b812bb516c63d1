// Bearer tokens: the client sends one with each attempt, the server looks at it before it reads the request,
// and tells the handler whose it is.
#pragma once

#include <sluice/sluice.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// Who calls, for handlers: `context.context().value<User>()->name`.
struct User {
  std::string name;
};

// Lets calls with a known token pass. Any thread: it is constant.
class CheckToken final : public sluice::ServerInterceptor {
 public:
  using Users = std::map<std::string, std::string, std::less<>>;  // from token to name
  explicit CheckToken(Users users) : users_(std::move(users)) {}

  sluice::Status on_headers(sluice::ServerContext& context) override {
    constexpr std::string_view kScheme = "Bearer ";
    const std::optional<std::string_view> header = context.metadata().get("authorization");
    if (!header || !header->starts_with(kScheme)) {
      return {sluice::StatusCode::kUnauthenticated, "no bearer token"};
    }
    const auto user = users_.find(header->substr(kScheme.size()));
    if (user == users_.end()) return {sluice::StatusCode::kUnauthenticated, "nobody has this token"};
    context.set_context(context.context().with_value(User{user->second}));
    return {};
  }

 private:
  const Users users_;
};

// Adds the token to whatever the channel sends.
class AddToken final : public sluice::ClientInterceptor {
 public:
  explicit AddToken(std::string_view token) : header_("Bearer " + std::string(token)) {}

  sluice::Status on_headers(sluice::OutgoingHeaders& headers) override {
    headers.metadata.add("authorization", header_);
    return {};
  }

 private:
  const std::string header_;
};
