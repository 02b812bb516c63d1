# What `cmake --install` writes: one archive of all layers, the public headers, protoc-gen-sluice, sluice-vet, a CMake
# package and pkg-config files, none of which names the folder that it was built or installed in.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# To be called when all layers are there.
function(sluice_install)
  if(NOT SLUICE_INSTALL)
    return()
  endif()
  # The layers' own objects: nothing is compiled twice. What knows protobuf, zlib or zstd lies in the same archive, and
  # is linked only into programs that use it; so sluice::core, sluice::sluice, sluice::errors and sluice::compression
  # differ in what they link besides.
  get_property(layers GLOBAL PROPERTY SLUICE_LAYERS)
  set(objects)
  foreach(layer ${layers})
    get_target_property(type sluice_${layer} TYPE)
    if(type MATCHES "^(STATIC|SHARED)_LIBRARY$")
      list(APPEND objects $<TARGET_OBJECTS:sluice_${layer}>)
    endif()
  endforeach()
  add_library(sluice_archive STATIC ${objects})
  set_target_properties(sluice_archive PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME sluice EXPORT_NAME core)
  target_compile_features(sluice_archive PUBLIC cxx_std_20)
  target_link_libraries(sluice_archive PUBLIC Threads::Threads)

  install(TARGETS sluice_archive EXPORT sluiceTargets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  install(TARGETS protoc-gen-sluice EXPORT sluiceTargets RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(PROGRAMS ${PROJECT_SOURCE_DIR}/tools/sluice-vet DESTINATION ${CMAKE_INSTALL_BINDIR})
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
    FILES_MATCHING PATTERN *.h PATTERN *.proto)
  get_property(generated GLOBAL PROPERTY SLUICE_PROTO_HEADERS)
  foreach(header ${generated})
    cmake_path(GET header PARENT_PATH folder)
    cmake_path(RELATIVE_PATH folder BASE_DIRECTORY ${PROJECT_BINARY_DIR}/protos)
    install(FILES ${header} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/${folder})
  endforeach()
  # As in the source tree, so that the pages' links to each other hold.
  foreach(page CHANGELOG.md CONTRIBUTING.md LICENSE README.md SECURITY.md)
    install(FILES ${PROJECT_SOURCE_DIR}/${page} DESTINATION ${CMAKE_INSTALL_DOCDIR})
  endforeach()
  install(DIRECTORY ${PROJECT_SOURCE_DIR}/docs DESTINATION ${CMAKE_INSTALL_DOCDIR}
    FILES_MATCHING PATTERN *.md PATTERN *.svg)

  set(package ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
  install(EXPORT sluiceTargets NAMESPACE sluice:: DESTINATION ${package})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/sluiceConfig.cmake.in
    ${PROJECT_BINARY_DIR}/package/sluiceConfig.cmake INSTALL_DESTINATION ${package}
    NO_SET_AND_CHECK_MACRO)
  # Before 1.0 a minor version may change anything.
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/sluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/package/sluiceConfig.cmake ${PROJECT_BINARY_DIR}/package/sluiceConfigVersion.cmake
    ${PROJECT_SOURCE_DIR}/cmake/SluiceGenerate.cmake ${PROJECT_SOURCE_DIR}/cmake/SluiceProtobuf.cmake
    ${PROJECT_SOURCE_DIR}/cmake/SluiceZstd.cmake DESTINATION ${package})

  # pkg-config's prefix is where the file lies, so that the whole may be moved.
  cmake_path(SET folder ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
  if(IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    set(SLUICE_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
    set(SLUICE_PC_LIBDIR ${CMAKE_INSTALL_LIBDIR})
  else()
    file(RELATIVE_PATH up /${folder} /)
    string(REGEX REPLACE "/$" "" up ${up})
    set(SLUICE_PC_PREFIX "\${pcfiledir}/${up}")
    set(SLUICE_PC_LIBDIR "\${prefix}/${CMAKE_INSTALL_LIBDIR}")
  endif()
  if(IS_ABSOLUTE ${CMAKE_INSTALL_INCLUDEDIR})
    set(SLUICE_PC_INCLUDEDIR ${CMAKE_INSTALL_INCLUDEDIR})
  else()
    set(SLUICE_PC_INCLUDEDIR "\${prefix}/${CMAKE_INSTALL_INCLUDEDIR}")
  endif()
  foreach(name sluice sluice-core sluice-errors sluice-compression)
    configure_file(${PROJECT_SOURCE_DIR}/cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/package/${name}.pc @ONLY)
    install(FILES ${PROJECT_BINARY_DIR}/package/${name}.pc DESTINATION ${folder})
  endforeach()
endfunction()
