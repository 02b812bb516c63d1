# How layers, tests and the header check become targets.

# sluice_layer(NAME [DEPS layer...] [LINK target...] [TEST_LINK target...] [TEST_SHARDS n] [PROTO file])
#
# Makes the static library sluice_NAME from src/NAME/*.cc and, when tests are built, NAME_test from
# src/NAME/*_test.cc, which links only what the layer may see, and TEST_LINK. PROTO, a name below include/, becomes
# a public header of the same name, in a folder of the build, and a part of the library.
function(sluice_layer NAME)
  cmake_parse_arguments(ARG "" "PROTO;TEST_SHARDS" "DEPS;LINK;TEST_LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${NAME}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${NAME}/*_test.cc)
  list(REMOVE_ITEM sources ${tests} "")
  if(ARG_PROTO)
    sluice_layer_proto(generated ${ARG_PROTO})
    list(APPEND sources ${generated})
  endif()
  set(kind PUBLIC)
  set(layer_kind STATIC)
  if(SLUICE_SHARED_LAYERS)
    set(layer_kind SHARED)
  endif()
  if(sources)
    add_library(sluice_${NAME} ${layer_kind} ${sources})
    target_link_libraries(sluice_${NAME} PRIVATE sluice_flags)
    if(NOT SLUICE_SHARED_LAYERS)
      # So that it can be a part of a shared library, which does not export it.
      set_target_properties(sluice_${NAME} PROPERTIES
        POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    endif()
    if(SLUICE_UNITY)
      set_target_properties(sluice_${NAME} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    endif()
  else()
    add_library(sluice_${NAME} INTERFACE)
    set(kind INTERFACE)
  endif()
  target_include_directories(sluice_${NAME} ${kind}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  if(ARG_PROTO)
    target_include_directories(sluice_${NAME} SYSTEM PUBLIC $<BUILD_INTERFACE:${PROJECT_BINARY_DIR}/protos>)
  endif()
  foreach(dep ${ARG_DEPS})
    target_link_libraries(sluice_${NAME} ${kind} sluice_${dep})
  endforeach()
  target_link_libraries(sluice_${NAME} ${kind} ${ARG_LINK} Threads::Threads)
  target_compile_features(sluice_${NAME} ${kind} cxx_std_20)
  set_property(GLOBAL APPEND PROPERTY SLUICE_LAYERS ${NAME})
  if(SLUICE_TESTS AND tests)
    sluice_test(${NAME}_test SOURCES ${tests} LINK sluice_${NAME} ${ARG_TEST_LINK}
      SHARDS ${ARG_TEST_SHARDS})
  endif()
endfunction()

# sluice_layer_proto(OUT file): protoc's code for a file below include/, in protos/ of the build. OUT: the sources.
function(sluice_layer_proto OUT PROTO)
  set(out ${PROJECT_BINARY_DIR}/protos)
  file(MAKE_DIRECTORY ${out})
  string(REGEX REPLACE "\\.proto$" ".pb" base ${out}/${PROTO})
  add_custom_command(
    OUTPUT ${base}.cc ${base}.h
    COMMAND protobuf::protoc -I${PROJECT_SOURCE_DIR}/include --cpp_out=${out} ${PROTO}
    DEPENDS ${PROJECT_SOURCE_DIR}/include/${PROTO}
    COMMENT "Generating ${PROTO}"
    VERBATIM)
  set_source_files_properties(${base}.cc PROPERTIES COMPILE_OPTIONS -w)
  set_property(GLOBAL APPEND PROPERTY SLUICE_PROTO_HEADERS ${base}.h)
  set(${OUT} ${base}.cc ${base}.h PARENT_SCOPE)
endfunction()

# sluice_test(NAME SOURCES file... [LINK target...] [SHARDS n] [TIMEOUT seconds] [ENVIRONMENT VAR=value...])
#
# Makes a GoogleTest binary and one ctest entry for it (or SHARDS of them, which run side by side). Each entry
# writes build/…/results/ENTRY.json, from which tools/run_tests.py counts the single tests: no process a test,
# no discovery run at build time. tests/ is on the include path, for "support/….h".
function(sluice_test NAME)
  cmake_parse_arguments(ARG "" "SHARDS;TIMEOUT" "SOURCES;LINK;ENVIRONMENT" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  target_include_directories(${NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${NAME} PRIVATE ${ARG_LINK} sluice_flags GTest::gtest GTest::gtest_main)
  if(SLUICE_SANITIZE OR CMAKE_CXX_COMPILER_ID MATCHES Clang)
    # Optimising what the sanitizers put around GoogleTest's macros costs three times the rest of the compilation, and
    # clang more than half of it in any case.
    target_compile_options(${NAME} PRIVATE -O0)
  endif()
  if(SLUICE_UNITY)
    set_target_properties(${NAME} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
  endif()
  sluice_test_pch(${NAME})
  if(NOT ARG_SHARDS)
    set(ARG_SHARDS 1)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT ${SLUICE_TEST_TIMEOUT})
  endif()
  foreach(shard RANGE 1 ${ARG_SHARDS})
    set(entry ${NAME})
    set(environment ${ARG_ENVIRONMENT})
    if(ARG_SHARDS GREATER 1)
      set(entry ${NAME}.${shard})
      math(EXPR index "${shard} - 1")
      list(APPEND environment GTEST_TOTAL_SHARDS=${ARG_SHARDS} GTEST_SHARD_INDEX=${index})
    endif()
    add_test(NAME ${entry}
      COMMAND ${NAME} --gtest_output=json:${PROJECT_BINARY_DIR}/results/${entry}.json)
    set_tests_properties(${entry} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS gtest ENVIRONMENT "${environment}")
  endforeach()
endfunction()

# With SLUICE_PCH, what most tests include is compiled once for all of them: half of what a test costs. A test must be
# compiled as tests/support/precompiled.cc is. What a test forgets to include is then found by builds without it.
function(sluice_test_pch NAME)
  if(NOT SLUICE_PCH)
    return()
  endif()
  if(NOT TARGET sluice_test_headers)
    add_library(sluice_test_headers OBJECT ${PROJECT_SOURCE_DIR}/tests/support/precompiled.cc)
    target_link_libraries(sluice_test_headers PRIVATE sluice::sluice sluice_flags GTest::gtest)
    target_precompile_headers(sluice_test_headers PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/precompiled.h)
    if(SLUICE_SANITIZE)
      target_compile_options(sluice_test_headers PRIVATE -O0)
    endif()
  endif()
  target_precompile_headers(${NAME} REUSE_FROM sluice_test_headers)
endfunction()

# Compiles each public header alone, twice in one unit: it names what it uses and may be included again. The bridge to
# Asio is opt-in, and compiled with both of its libraries.
function(sluice_header_check)
  if(NOT SLUICE_HEADER_CHECK)
    return()
  endif()
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include
    ${PROJECT_SOURCE_DIR}/include/*.h)
  set(opt_in sluice/asio.h)
  list(REMOVE_ITEM headers ${opt_in})
  set(units)
  foreach(header ${headers} ${opt_in})
    string(REPLACE "/" "_" unit ${header})
    set(unit ${PROJECT_BINARY_DIR}/headers/${unit}.cc)
    set(content "#include <${header}>\n#include <${header}>\n")
    file(CONFIGURE OUTPUT ${unit} CONTENT "${content}")
    if(NOT header IN_LIST opt_in)
      list(APPEND units ${unit})
    endif()
  endforeach()
  add_library(sluice_headers OBJECT ${units})
  foreach(asio sluice_asio sluice_boost_asio)
    add_library(${asio}_header OBJECT ${PROJECT_BINARY_DIR}/headers/sluice_asio.h.cc)
    target_link_libraries(${asio}_header PRIVATE ${asio})
  endforeach()
  foreach(target sluice_headers sluice_asio_header sluice_boost_asio_header)
    target_link_libraries(${target} PRIVATE sluice sluice_flags)
    target_compile_options(${target} PRIVATE -O0 -g0)
  endforeach()
endfunction()

# Adds a folder that may not be there yet.
function(sluice_subdirectory DIR)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${DIR}/CMakeLists.txt)
    add_subdirectory(${DIR})
  endif()
endfunction()
