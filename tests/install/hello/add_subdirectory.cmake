cmake_minimum_required(VERSION 3.22)
project(hello LANGUAGES CXX)

add_subdirectory(${SLUICE_SOURCE} sluice)
add_executable(hello hello.cc)
sluice_generate(TARGET hello PROTOS hello.proto)
