cmake_minimum_required(VERSION 3.22)
project(hello LANGUAGES CXX)

find_package(sluice 0.1 REQUIRED COMPONENTS core errors)
add_executable(hello details.cc)
target_link_libraries(hello PRIVATE sluice::errors)
