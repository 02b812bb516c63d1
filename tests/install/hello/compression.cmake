cmake_minimum_required(VERSION 3.22)
project(hello LANGUAGES CXX)

# As if protobuf were not installed.
set(CMAKE_DISABLE_FIND_PACKAGE_Protobuf ON)
find_package(sluice 0.1 REQUIRED COMPONENTS core compression)
add_executable(hello packed.cc)
target_link_libraries(hello PRIVATE sluice::compression)
