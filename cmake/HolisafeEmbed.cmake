# holisafe_embed(TARGET NAMESPACE file...)
#
# Builds text files into a target: the file string.csv becomes the object `NAMESPACE::string_csv`, a std::string_view that the
# using source declares extern. Dots and dashes in names become underscores.
function(holisafe_embed target namespace)
  foreach(file IN LISTS ARGN)
    get_filename_component(name "${file}" NAME)
    get_filename_component(path "${file}" ABSOLUTE)
    string(REGEX REPLACE "[^A-Za-z0-9]" "_" symbol "${name}")
    set(output "${CMAKE_CURRENT_BINARY_DIR}/embedded/${symbol}.cpp")
    add_custom_command(OUTPUT "${output}"
      COMMAND "${CMAKE_COMMAND}" "-DINPUT=${path}" "-DOUTPUT=${output}" "-DNAMESPACE=${namespace}" "-DSYMBOL=${symbol}"
              -P "${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake"
      DEPENDS "${path}" "${PROJECT_SOURCE_DIR}/cmake/EmbedFile.cmake" VERBATIM)
    target_sources(${target} PRIVATE "${output}")
  endforeach()
endfunction()
