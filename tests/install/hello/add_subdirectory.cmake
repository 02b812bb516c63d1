cmake_minimum_required(VERSION 3.22)
project(hello LANGUAGES CXX)

add_subdirectory(${SLUICE_SOURCE} sluice)
add_executable(hello hello.cc)
sluice_generate(TARGET hello PROTOS hello.proto)

# As a debug build has it, against a library of a release build.
add_executable(stranger stranger.cc)
target_compile_options(stranger PRIVATE -UNDEBUG)
target_link_libraries(stranger PRIVATE sluice::sluice)
