# How layers, tests and the header check become targets.

# sluice_layer(NAME [DEPS layer...] [LINK target...] [TEST_LINK target...])
#
# Makes the static library sluice_NAME from src/NAME/*.cc and, when tests are built, NAME_test from
# src/NAME/*_test.cc, which links only what the layer may see, and TEST_LINK.
function(sluice_layer NAME)
  cmake_parse_arguments(ARG "" "" "DEPS;LINK;TEST_LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${NAME}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${NAME}/*_test.cc)
  list(REMOVE_ITEM sources ${tests} "")
  set(kind PUBLIC)
  if(sources)
    add_library(sluice_${NAME} STATIC ${sources})
    target_link_libraries(sluice_${NAME} PRIVATE sluice_flags)
  else()
    add_library(sluice_${NAME} INTERFACE)
    set(kind INTERFACE)
  endif()
  target_include_directories(sluice_${NAME} ${kind}
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  foreach(dep ${ARG_DEPS})
    target_link_libraries(sluice_${NAME} ${kind} sluice_${dep})
  endforeach()
  target_link_libraries(sluice_${NAME} ${kind} ${ARG_LINK} Threads::Threads)
  target_compile_features(sluice_${NAME} ${kind} cxx_std_20)
  set_property(GLOBAL APPEND PROPERTY SLUICE_LAYERS ${NAME})
  if(SLUICE_TESTS AND tests)
    sluice_test(${NAME}_test SOURCES ${tests} LINK sluice_${NAME} ${ARG_TEST_LINK})
  endif()
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
  if(SLUICE_SANITIZE)
    # Optimising what the sanitizers put around GoogleTest's macros costs three times the rest of the compilation.
    target_compile_options(${NAME} PRIVATE -O0)
  endif()
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

# Compiles each public header alone, twice in one unit: it names what it uses and may be included again.
function(sluice_header_check)
  if(NOT SLUICE_HEADER_CHECK)
    return()
  endif()
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${PROJECT_SOURCE_DIR}/include
    ${PROJECT_SOURCE_DIR}/include/*.h)
  set(units)
  foreach(header ${headers})
    string(REPLACE "/" "_" unit ${header})
    set(unit ${PROJECT_BINARY_DIR}/headers/${unit}.cc)
    set(content "#include <${header}>\n#include <${header}>\n")
    file(CONFIGURE OUTPUT ${unit} CONTENT "${content}")
    list(APPEND units ${unit})
  endforeach()
  add_library(sluice_headers OBJECT ${units})
  target_link_libraries(sluice_headers PRIVATE sluice sluice_flags)
  target_compile_options(sluice_headers PRIVATE -O0 -g0)
endfunction()

# Adds a folder that may not be there yet.
function(sluice_subdirectory DIR)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${DIR}/CMakeLists.txt)
    add_subdirectory(${DIR})
  endif()
endfunction()
