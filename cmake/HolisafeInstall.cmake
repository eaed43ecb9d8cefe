# Installs the program, the layers as static libraries with their headers, the CMake package `holisafe` (targets
# holisafe::LAYER) and, for the layers without LibTorch, a pkg-config file.
include(CMakePackageConfigHelpers)
get_property(layers GLOBAL PROPERTY HOLISAFE_LAYERS)
get_property(packages GLOBAL PROPERTY HOLISAFE_PACKAGES)
get_property(modules GLOBAL PROPERTY HOLISAFE_MODULES)
get_property(plain_layers GLOBAL PROPERTY HOLISAFE_PLAIN_LAYERS)

install(TARGETS holisafe RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
if(HOLISAFE_TORCH)
  install(TARGETS holisafe_torch LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/holisafe")
endif()
install(TARGETS ${layers} EXPORT holisafe ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/src/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/holisafe"
        FILES_MATCHING PATTERN "*.h" PATTERN testdata EXCLUDE PATTERN cli EXCLUDE)
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/holisafe")
install(EXPORT holisafe NAMESPACE holisafe:: FILE holisafeTargets.cmake DESTINATION "${package_folder}")

# The package finds the same libraries as the build did.
list(REMOVE_DUPLICATES packages)
list(REMOVE_DUPLICATES modules)
set(HOLISAFE_FIND_DEPENDENCIES "")
foreach(package IN LISTS packages)
  string(APPEND HOLISAFE_FIND_DEPENDENCIES "find_dependency(${package})\n")
endforeach()
if(modules)
  string(APPEND HOLISAFE_FIND_DEPENDENCIES "find_dependency(PkgConfig)\n")
endif()
foreach(module IN LISTS modules)
  string(APPEND HOLISAFE_FIND_DEPENDENCIES "pkg_check_modules(${module} REQUIRED QUIET IMPORTED_TARGET ${module})\n")
endforeach()
if(HOLISAFE_TORCH)
  # Users of the package get the LibTorch that the program loads, if they name no other.
  get_filename_component(HOLISAFE_BUILT_WITH_TORCH "${LibTorch_c10_LIBRARY}" DIRECTORY)
  get_filename_component(HOLISAFE_BUILT_WITH_TORCH "${HOLISAFE_BUILT_WITH_TORCH}" DIRECTORY)
  string(APPEND HOLISAFE_FIND_DEPENDENCIES
         "list(APPEND CMAKE_MODULE_PATH \"\${CMAKE_CURRENT_LIST_DIR}\")\nfind_dependency(LibTorch)\n")
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindLibTorch.cmake" DESTINATION "${package_folder}")
endif()
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/holisafeConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/holisafeConfig.cmake" INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/holisafeConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/holisafeConfig.cmake" "${PROJECT_BINARY_DIR}/holisafeConfigVersion.cmake"
        DESTINATION "${package_folder}")

# Static libraries name what they need after themselves: from the top layer down.
set(HOLISAFE_PC_LIBS "")
foreach(layer IN LISTS plain_layers)
  string(PREPEND HOLISAFE_PC_LIBS "-l${layer} ")
endforeach()
set(requires ${packages} ${modules})
list(REMOVE_ITEM requires tl-expected)  # header-only without a .pc file
list(TRANSFORM requires REPLACE "^OpenSSL$" "libcrypto")
list(JOIN requires " " HOLISAFE_PC_REQUIRES)
file(RELATIVE_PATH HOLISAFE_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")  # so that the installed tree can be moved
configure_file("${PROJECT_SOURCE_DIR}/cmake/holisafe.pc.in" "${PROJECT_BINARY_DIR}/holisafe.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/holisafe.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

# Made by the program itself, from its flag table.
install(CODE "
  set(program \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}/holisafe\")
  set(shared \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}\")
  file(MAKE_DIRECTORY \"\${shared}/man/man1\" \"\${shared}/bash-completion/completions\" \"\${shared}/zsh/site-functions\"
       \"\${shared}/fish/vendor_completions.d\")
  execute_process(COMMAND \"\${program}\" man OUTPUT_FILE \"\${shared}/man/man1/holisafe.1\" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND \"\${program}\" completion bash
                  OUTPUT_FILE \"\${shared}/bash-completion/completions/holisafe\" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND \"\${program}\" completion zsh
                  OUTPUT_FILE \"\${shared}/zsh/site-functions/_holisafe\" COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND \"\${program}\" completion fish
                  OUTPUT_FILE \"\${shared}/fish/vendor_completions.d/holisafe.fish\" COMMAND_ERROR_IS_FATAL ANY)
")
