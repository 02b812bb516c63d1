// Text out of a .proto file as it may stand in C++, whatever is in it.
#pragma once

#include <google/protobuf/io/printer.h>

#include <string>
#include <string_view>

namespace sluice_plugin {

// One line as it may stand behind "//": no end of a line by any compiler's or editor's reckoning, no
// backslash at its end, nothing that turns the text around it, valid UTF-8.
std::string comment_text(std::string_view line);

// Each line of a comment behind "//". A line ends at CR, LF, CRLF, and at what Unicode calls one.
void print_comment_lines(std::string_view comment, google::protobuf::io::Printer& out);

// The string literal that has these bytes: "a\"b".
std::string literal_of(std::string_view bytes);

}  // namespace sluice_plugin
