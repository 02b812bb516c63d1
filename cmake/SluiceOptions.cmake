# Compiler settings shared by every target, and the third-party packages.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()
if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endif()

option(SLUICE_TESTS "Build the tests (needs GoogleTest and nghttp2)" ${PROJECT_IS_TOP_LEVEL})
option(SLUICE_EXAMPLES "Build the examples" ${PROJECT_IS_TOP_LEVEL})
option(SLUICE_INSTALL "Let `cmake --install` write the library" ${PROJECT_IS_TOP_LEVEL})
option(SLUICE_BENCH "Build the benchmarks (needs grpc++ and nghttp2)" OFF)
option(SLUICE_FUZZ "Build the fuzz targets, which are among the tests, alone" OFF)
option(SLUICE_LTO "Optimise across files at link time: a unary call takes a tenth less" OFF)
option(SLUICE_WERROR "Treat warnings as errors" OFF)
option(SLUICE_HEADER_CHECK "Compile every public header alone" ${SLUICE_TESTS})
option(SLUICE_PCH "Precompile the headers that most tests need; for machines without a compiler cache" OFF)
option(SLUICE_UNITY "Compile the files of a layer and of a test eight at a time: a third to half of the work where little changes" OFF)
option(SLUICE_SHARED_LAYERS "Make each layer a shared library, so that one can be replaced alone; for ./dev mutants" OFF)
mark_as_advanced(SLUICE_SHARED_LAYERS)
set(SLUICE_SANITIZE "" CACHE STRING "What -fsanitize= gets: address,undefined or thread")
set(SLUICE_TEST_TIMEOUT 120 CACHE STRING "Seconds that one test binary may take")

# ccache is found by itself, so that a plain `cmake -B build` profits too.
find_program(SLUICE_CCACHE ccache)
mark_as_advanced(SLUICE_CCACHE)
if(SLUICE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${SLUICE_CCACHE})
endif()

# Sanitizers hold for everything that is compiled here, generated code included.
if(SLUICE_SANITIZE)
  add_compile_options(-fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
    # Of some coroutines clang 14 makes code with it that it cannot assemble.
    add_compile_options(-fno-sanitize=function)
  endif()
  add_link_options(-fsanitize=${SLUICE_SANITIZE})
  if(SLUICE_SANITIZE MATCHES thread)
    # With this macro protobuf's headers add members to map fields, which Debian's libprotobuf was built without.
    # The second half keeps the standard library's headers as the sanitizer wants them.
    add_compile_options($<$<CXX_COMPILER_ID:GNU>:-U__SANITIZE_THREAD__> $<$<CXX_COMPILER_ID:GNU>:-D_GLIBCXX_TSAN=1>)
  endif()
endif()

if(SLUICE_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

find_package(Threads REQUIRED)
include(SluiceProtobuf)
include(SluiceZstd)
find_package(ZLIB REQUIRED)
if(SLUICE_TESTS)
  find_package(GTest REQUIRED)
  enable_testing()
endif()
if(SLUICE_TESTS OR SLUICE_BENCH)
  # nghttp2 is the oracle of the HTTP/2 tests and a floor of the benchmarks; the library never links it.
  find_library(NGHTTP2_LIBRARY nghttp2 REQUIRED)
  add_library(sluice_nghttp2 INTERFACE)
  target_link_libraries(sluice_nghttp2 INTERFACE ${NGHTTP2_LIBRARY})
endif()

add_library(sluice_flags INTERFACE)
target_compile_options(sluice_flags INTERFACE -Wall -Wextra -Wpedantic
  $<$<CXX_COMPILER_ID:GNU>:-Wno-mismatched-new-delete>  # promise allocators: new with arguments, plain delete
  $<$<BOOL:${SLUICE_WERROR}>:-Werror>)
if(SLUICE_SANITIZE)
  # The instrumented code hides initialisations from g++'s flow analysis.
  target_compile_options(sluice_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
