cmake_minimum_required(VERSION 3.22)
project(hello LANGUAGES CXX)

find_package(sluice 0.1 REQUIRED)
add_executable(hello hello.cc)
sluice_generate(TARGET hello PROTOS hello.proto)
