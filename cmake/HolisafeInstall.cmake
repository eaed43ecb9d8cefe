# Installs the program, the layers as static libraries with their headers, the CMake package `holisafe` (a component a layer),
# pkg-config files (holisafe: layers without LibTorch; holisafe-torch: the others), and documents with examples.
include(CMakePackageConfigHelpers)
get_property(layers GLOBAL PROPERTY HOLISAFE_LAYERS)
get_property(packages GLOBAL PROPERTY HOLISAFE_PACKAGES)
get_property(modules GLOBAL PROPERTY HOLISAFE_MODULES)
get_property(plain_layers GLOBAL PROPERTY HOLISAFE_PLAIN_LAYERS)
set(torch_layers ${layers})
list(REMOVE_ITEM torch_layers ${plain_layers})

install(TARGETS holisafe RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS ${plain_layers} EXPORT holisafe ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/holisafe")
install(EXPORT holisafe NAMESPACE holisafe:: FILE holisafeTargets.cmake DESTINATION "${package_folder}")
if(TARGET holisafe_parquet)
  install(TARGETS holisafe_parquet LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/holisafe")
endif()
if(HOLISAFE_TORCH)
  install(TARGETS holisafe_torch LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/holisafe")
  install(TARGETS ${torch_layers} EXPORT holisafe_torch ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT holisafe_torch NAMESPACE holisafe:: FILE holisafeTorchTargets.cmake DESTINATION "${package_folder}")
  install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindLibTorch.cmake" DESTINATION "${package_folder}")
  # Users of the package get the LibTorch that the program loads, if they name no other.
  set(HOLISAFE_BUILT_WITH_TORCH "${LibTorch_ROOT_DIR}")
endif()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/docs/" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

# Headers of layers that are built.
file(GLOB left_out RELATIVE "${PROJECT_SOURCE_DIR}/src" "${PROJECT_SOURCE_DIR}/src/*")
list(TRANSFORM layers REPLACE "^holisafe_" "" OUTPUT_VARIABLE built)
list(REMOVE_ITEM left_out ${built})
install(CODE "
  execute_process(COMMAND \"${CMAKE_COMMAND}\" \"-DSOURCE=${PROJECT_SOURCE_DIR}/src\" \"-DWITHOUT=${left_out}\"
                  \"-DDESTINATION=\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/holisafe\"
                  -P \"${PROJECT_SOURCE_DIR}/cmake/InstallHeaders.cmake\" COMMAND_ERROR_IS_FATAL ANY)
")

# The package finds the same libraries as the build did.
list(TRANSFORM plain_layers REPLACE "^holisafe_" "" OUTPUT_VARIABLE HOLISAFE_PLAIN_COMPONENTS)
list(TRANSFORM torch_layers REPLACE "^holisafe_" "" OUTPUT_VARIABLE HOLISAFE_TORCH_COMPONENTS)
list(JOIN HOLISAFE_PLAIN_COMPONENTS " " HOLISAFE_PLAIN_COMPONENTS)
list(JOIN HOLISAFE_TORCH_COMPONENTS " " HOLISAFE_TORCH_COMPONENTS)
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
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/holisafeConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/holisafeConfig.cmake" INSTALL_DESTINATION "${package_folder}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/holisafeConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/holisafeConfig.cmake" "${PROJECT_BINARY_DIR}/holisafeConfigVersion.cmake"
        DESTINATION "${package_folder}")

# Static libraries name what they need after themselves: from the top layer down.
foreach(kind IN ITEMS plain torch)
  set(${kind}_libraries "")
  foreach(layer IN LISTS ${kind}_layers)
    string(PREPEND ${kind}_libraries "-l${layer} ")
  endforeach()
endforeach()
set(requires ${packages} ${modules})
list(REMOVE_ITEM requires tl-expected)  # header-only without a .pc file
list(TRANSFORM requires REPLACE "^OpenSSL$" "openssl")
list(TRANSFORM requires REPLACE "^ZLIB$" "zlib")
list(JOIN requires " " HOLISAFE_PC_REQUIRES)
file(RELATIVE_PATH HOLISAFE_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")  # so that the installed tree can be moved
configure_file("${PROJECT_SOURCE_DIR}/cmake/holisafe.pc.in" "${PROJECT_BINARY_DIR}/holisafe.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/holisafe.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(HOLISAFE_TORCH)
  get_target_property(torch_definitions LibTorch::cpu INTERFACE_COMPILE_DEFINITIONS)
  list(TRANSFORM torch_definitions PREPEND "-D")
  list(JOIN torch_definitions " " torch_definitions)
  configure_file("${PROJECT_SOURCE_DIR}/cmake/holisafe-torch.pc.in" "${PROJECT_BINARY_DIR}/holisafe-torch.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/holisafe-torch.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endif()

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
