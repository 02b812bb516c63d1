# sluice_generate(TARGET target PROTOS file... [IMPORT_DIRS folder...])
#
# Has protoc write x.pb.h, x.pb.cc, x.sluice.h and x.sluice.cc for each x.proto, compiles them into the target,
# puts their folder on its include path and links it to sluice. To be called in the folder that makes the target.
#
# IMPORT_DIRS are where imports are looked for, and what the names of the files are relative to: with the import
# folder protos, protos/a/x.proto is included as "a/x.sluice.h". A file outside of them all is known by its name
# alone, and two of one name cannot be in one target. Files that are only imported are not generated: list them as
# well, or link the target that has them.
function(sluice_generate)
  cmake_parse_arguments(ARG "" "TARGET" "PROTOS;IMPORT_DIRS" ${ARGN})
  if(ARG_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "sluice_generate: unknown arguments: ${ARG_UNPARSED_ARGUMENTS}")
  elseif(NOT TARGET "${ARG_TARGET}")
    message(FATAL_ERROR "sluice_generate: TARGET is no target: '${ARG_TARGET}'")
  elseif(NOT ARG_PROTOS)
    message(FATAL_ERROR "sluice_generate: no PROTOS for ${ARG_TARGET}")
  endif()
  include(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/SluiceProtobuf.cmake)

  set(imports)
  foreach(dir ${ARG_IMPORT_DIRS})
    get_filename_component(dir ${dir} ABSOLUTE)
    list(APPEND imports ${dir})
  endforeach()
  set(out ${CMAKE_CURRENT_BINARY_DIR}/${ARG_TARGET}.generated)
  file(MAKE_DIRECTORY ${out})

  foreach(proto ${ARG_PROTOS})
    get_filename_component(proto ${proto} ABSOLUTE)
    # The longest import folder that holds the file, or else its own.
    set(root)
    foreach(dir ${imports})
      cmake_path(IS_PREFIX dir ${proto} NORMALIZE inside)
      string(LENGTH "${dir}" length)
      string(LENGTH "${root}" longest)
      if(inside AND length GREATER longest)
        set(root ${dir})
      endif()
    endforeach()
    if(NOT root)
      get_filename_component(root ${proto} DIRECTORY)
    endif()
    cmake_path(RELATIVE_PATH proto BASE_DIRECTORY ${root} OUTPUT_VARIABLE name)
    string(REGEX REPLACE "\\.proto(devel)?$" "" base ${out}/${name})
    sluice_generate_once(${ARG_TARGET} ${proto} ${name} ${base})
    sluice_check_edition(${proto})

    set(search -I${root})
    foreach(dir ${imports})
      if(NOT dir STREQUAL root)
        list(APPEND search -I${dir})
      endif()
    endforeach()
    set(generated ${base}.pb.cc ${base}.sluice.cc ${base}.pb.h ${base}.sluice.h)
    add_custom_command(
      OUTPUT ${generated}
      COMMAND protobuf::protoc --plugin=protoc-gen-sluice=$<TARGET_FILE:sluice::protoc-gen-sluice> ${search}
        --cpp_out=${out} --sluice_out=${out} --dependency_out=${base}.d ${name}
      DEPENDS ${proto} $<TARGET_FILE:sluice::protoc-gen-sluice>
      DEPFILE ${base}.d
      COMMENT "Generating ${name} for ${ARG_TARGET}"
      VERBATIM)
    # protobuf's own code is not held to the warnings of the target.
    set_source_files_properties(${base}.pb.cc PROPERTIES COMPILE_OPTIONS -w)
    target_sources(${ARG_TARGET} PRIVATE ${generated})
  endforeach()
  target_include_directories(${ARG_TARGET} SYSTEM PUBLIC ${out})
  target_link_libraries(${ARG_TARGET} PUBLIC sluice::sluice)
endfunction()

# Says so when the target has generated code of that name already, which CMake would tell as two rules for one file.
function(sluice_generate_once TARGET PROTO NAME BASE)
  get_target_property(generated ${TARGET} SLUICE_GENERATED)
  if(generated)
    list(FIND generated ${BASE} found)
    if(NOT found EQUAL -1)
      math(EXPR found "${found} + 1")
      list(GET generated ${found} other)
      if(other STREQUAL "${PROTO}")
        message(FATAL_ERROR "sluice_generate: ${TARGET} has ${PROTO} twice")
      endif()
      message(FATAL_ERROR "sluice_generate: ${other} and ${PROTO} are both ${NAME} to protoc and to #include: say with "
        "IMPORT_DIRS which folder their names begin in, or generate them for two targets")
    endif()
  endif()
  set_property(TARGET ${TARGET} APPEND PROPERTY SLUICE_GENERATED ${BASE} ${PROTO})
endfunction()

# Says so when the file has an edition and protoc is older than that: protoc itself takes the file for a broken proto2.
function(sluice_check_edition PROTO)
  file(STRINGS ${PROTO} edition REGEX "^[ \t]*edition[ \t]*=[ \t]*[\"']" LIMIT_COUNT 1)
  file(STRINGS ${PROTO} syntax REGEX "^[ \t]*syntax[ \t]*=[ \t]*[\"']" LIMIT_COUNT 1)
  if(NOT edition OR syntax)
    return()
  endif()
  foreach(location IMPORTED_LOCATION IMPORTED_LOCATION_RELEASE IMPORTED_LOCATION_NOCONFIG)
    get_target_property(protoc protobuf::protoc ${location})
    if(protoc)
      break()
    endif()
  endforeach()
  if(NOT protoc)
    return()  # built in this project
  endif()
  execute_process(COMMAND ${protoc} --version OUTPUT_VARIABLE version ERROR_QUIET)
  if(version MATCHES "([0-9]+\\.[0-9.]+)" AND CMAKE_MATCH_1 VERSION_LESS 27)
    message(FATAL_ERROR "sluice_generate: ${PROTO} has an edition, which protoc ${CMAKE_MATCH_1} does not know: it takes "
      "protobuf 27 or later, or `syntax` in the edition's place")
  endif()
endfunction()
