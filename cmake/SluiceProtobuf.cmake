# protobuf::libprotobuf, protobuf::libprotoc and protobuf::protoc, unless the project has them already: from the package
# that protobuf installs, which alone knows what abseil it links since protobuf 22; where there is none, as in Debian, by
# CMake's own module. Imported targets are seen only below the folder that asked for them.
if(NOT TARGET protobuf::libprotobuf OR NOT TARGET protobuf::protoc)
  find_package(Protobuf CONFIG QUIET)
  if(NOT Protobuf_FOUND)
    if(CMAKE_FIND_PACKAGE_NAME STREQUAL "sluice")
      find_dependency(Protobuf)
    else()
      find_package(Protobuf REQUIRED)
    endif()
  endif()
endif()
