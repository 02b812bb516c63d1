// The names that generated code must not use, whatever the .proto file says: C++'s own, macros, and what the
// global namespace has.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>

namespace sluice_plugin {

class Reserved {
 public:
  Reserved();

  // C++20 keeps it for itself.
  bool is_keyword(std::string_view name) const;
  // It cannot be called so in any scope: a keyword, a macro of a header of C, C++ or POSIX, or a name of the
  // implementation, as "__x" and "_X" are.
  bool is_word(std::string_view name) const;
  // It cannot be the name of a class outside of all namespaces: another type or a namespace is called so.
  bool is_global(std::string_view name) const;

 private:
  using Words = std::set<std::string, std::less<>>;

  // Constant after construction.
  const Words keywords_;
  const Words macros_;
  const Words globals_;
};

}  // namespace sluice_plugin
