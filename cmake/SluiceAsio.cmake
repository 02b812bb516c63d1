# Asio and Boost.Asio for what uses the bridge sluice/asio.h: the targets sluice_asio and sluice_boost_asio, each where
# its headers are. The library itself needs neither.
function(sluice_find_asio TARGET HEADER IS_BOOST)
  string(TOUPPER ${TARGET}_INCLUDE_DIR dir)
  find_path(${dir} ${HEADER})
  mark_as_advanced(${dir})
  if(NOT ${dir})
    return()
  endif()
  add_library(${TARGET} INTERFACE)
  target_include_directories(${TARGET} SYSTEM INTERFACE ${${dir}})
  target_compile_definitions(${TARGET} INTERFACE SLUICE_ASIO_BOOST=${IS_BOOST})
  target_link_libraries(${TARGET} INTERFACE Threads::Threads)
  # Both looked for coroutines only below <experimental> with clang, in the versions that Debian 12 has.
  foreach(macro HAS_CO_AWAIT HAS_STD_COROUTINE)
    target_compile_definitions(${TARGET} INTERFACE $<$<CXX_COMPILER_ID:Clang>:ASIO_${macro}>
      $<$<CXX_COMPILER_ID:Clang>:BOOST_ASIO_${macro}>)
  endforeach()
  if(SLUICE_SANITIZE MATCHES thread)
    # g++'s sanitizer does not know fences.
    target_compile_definitions(${TARGET} INTERFACE ASIO_DISABLE_FENCED_BLOCK BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endfunction()

sluice_find_asio(sluice_asio asio.hpp 0)
sluice_find_asio(sluice_boost_asio boost/asio.hpp 1)
if(SLUICE_TESTS AND NOT (TARGET sluice_asio AND TARGET sluice_boost_asio))
  message(FATAL_ERROR "The tests need Asio and Boost.Asio (Debian: libasio-dev, libboost-dev)")
endif()
