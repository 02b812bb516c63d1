# sluice_zstd: libzstd, for which not every system has a CMake package.
find_library(ZSTD_LIBRARY zstd REQUIRED)
find_path(ZSTD_INCLUDE_DIR zstd.h REQUIRED)
mark_as_advanced(ZSTD_LIBRARY ZSTD_INCLUDE_DIR)
if(NOT TARGET sluice_zstd)
  add_library(sluice_zstd INTERFACE IMPORTED GLOBAL)
  target_link_libraries(sluice_zstd INTERFACE ${ZSTD_LIBRARY})
  target_include_directories(sluice_zstd INTERFACE ${ZSTD_INCLUDE_DIR})
endif()
