// A status with a detail, and what it says.
#include <sluice/errors/error_details.pb.h>
#include <sluice/errors/errors.h>

#include <cstdio>

int main() {
  sluice::errors::LocalizedMessage text;
  text.set_locale("en");
  text.set_message("Hello world");
  const sluice::Status status = sluice::with_details({sluice::StatusCode::kNotFound, "nobody"}, text);
  if (const auto found = sluice::find_detail<sluice::errors::LocalizedMessage>(status))
    std::puts(found->message().c_str());
}
