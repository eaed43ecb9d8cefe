# holisafe_layer(NAME [TORCH] [QUICK] [SEPARATE file...] [DEPENDS layer...] [PACKAGES target...])
#
# The current folder becomes the static library `holisafe_NAME` (alias holisafe::NAME): every *.cpp in it that is
# neither *_test.cpp nor *_fuzz.cpp. Its *_test.cpp become the program NAME_test, each test a ctest of its own.
# DEPENDS names layers below, PACKAGES imported targets of libraries. With TORCH the layer is built against LibTorch.
# QUICK: no loop of its own is what a user waits for; it is optimised less and built in two thirds of the time.
# SEPARATE: files that use each other's names on purpose (one benchmark or format a file), so that they are never compiled together.
# A nested folder is a layer of its own with its own CMakeLists.txt.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

find_program(HOLISAFE_CCACHE ccache)
if(HOLISAFE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER "${HOLISAFE_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${HOLISAFE_CCACHE}")
endif()

add_library(holisafe_options INTERFACE)
target_compile_options(holisafe_options INTERFACE -Wall -Wextra -Wshadow -Werror -fstack-protector-strong)
# GCC 12 warns of overlapping copies inside std::string itself (GCC bug 105651).
target_compile_options(holisafe_options INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
if(HOLISAFE_SANITIZE)
  target_compile_options(holisafe_options INTERFACE -fsanitize=${HOLISAFE_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(holisafe_options INTERFACE -fsanitize=${HOLISAFE_SANITIZE})
  if(HOLISAFE_FUZZ)
    # Fuzzing is guided by what an input reaches in the layers, not only in the target's own file.
    target_compile_options(holisafe_options INTERFACE -fsanitize=fuzzer-no-link)
  endif()
else()
  target_compile_definitions(holisafe_options INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()

# For layers marked QUICK and tests: inlining fmt, nlohmann-json, CLI11 and gtest is half of -O3's time to compile.
add_library(holisafe_quick_to_build INTERFACE)
target_compile_options(holisafe_quick_to_build INTERFACE $<$<CONFIG:Release>:-O1>)

find_package(PkgConfig REQUIRED)
if(HOLISAFE_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()

# holisafe_package(NAME): a library that brings a CMake package. holisafe_module(NAME): one that brings a pkg-config file; its
# target is PkgConfig::NAME. Both are remembered, so that the installed package finds the same libraries.
macro(holisafe_package name)
  find_package(${name} REQUIRED)
  set_property(GLOBAL APPEND PROPERTY HOLISAFE_PACKAGES ${name})
endmacro()
macro(holisafe_module name)
  pkg_check_modules(${name} REQUIRED QUIET IMPORTED_TARGET ${name})
  set_property(GLOBAL APPEND PROPERTY HOLISAFE_MODULES ${name})
endmacro()

# What the precompiled headers include.
holisafe_package(fmt)
holisafe_package(nlohmann_json)

function(holisafe_layer name)
  cmake_parse_arguments(arg "TORCH;QUICK" "" "SEPARATE;DEPENDS;PACKAGES;TEST_PACKAGES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cpp")
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz)\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(TRANSFORM arg_DEPENDS PREPEND "holisafe_")

  set(target "holisafe_${name}")
  add_library(${target} STATIC ${sources})
  add_library(holisafe::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} LINKER_LANGUAGE CXX)
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
                             $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS} ${arg_PACKAGES})
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:holisafe_options>)
  if(arg_QUICK)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:holisafe_quick_to_build>)
  endif()
  if(arg_TORCH)
    target_link_libraries(${target} PUBLIC LibTorch::cpu)
    holisafe_precompiled(${target} torch LibTorch::cpu fmt::fmt)
  else()
    if(name STREQUAL "cli")
      holisafe_precompiled(${target} cli fmt::fmt CLI11::CLI11 nlohmann_json::nlohmann_json)
    else()
      holisafe_precompiled(${target} plain fmt::fmt nlohmann_json::nlohmann_json tl::expected)
    endif()
    target_compile_options(${target} PRIVATE -Wconversion)
    if(NOT name STREQUAL "cli")
      set_property(GLOBAL APPEND PROPERTY HOLISAFE_PLAIN_LAYERS ${target})
    endif()
  endif()
  if(NOT name STREQUAL "cli")
    set_property(GLOBAL APPEND PROPERTY HOLISAFE_LAYERS ${target})
  endif()
  set(files_together 8)
  if(arg_TORCH)
    set(files_together 4)
  endif()
  holisafe_unity(${target} ${files_together})
  set_source_files_properties(${arg_SEPARATE} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)

  if(HOLISAFE_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${target} holisafe_options holisafe_quick_to_build GTest::gmock
                          GTest::gtest_main ${arg_TEST_PACKAGES})
    holisafe_source_dir(${tests})
    if(arg_TORCH)
      holisafe_precompiled(${name}_test torch LibTorch::cpu fmt::fmt)
    else()
      holisafe_precompiled(${name}_test test fmt::fmt nlohmann_json::nlohmann_json GTest::gmock)
    endif()
    holisafe_unity(${name}_test ${files_together})
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# holisafe_source_dir(TEST...): those that name this folder, or include what does, know where it is. The others are the same in another
# clone, for ccache.
function(holisafe_source_dir)
  file(GLOB headers CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.h")
  set(all OFF)
  foreach(file IN LISTS headers ARGN)
    file(STRINGS "${file}" names REGEX HOLISAFE_SOURCE_DIR LIMIT_COUNT 1)
    if(names AND file MATCHES "\\.h$")
      set(all ON)
    endif()
    if(names OR all)
      set_source_files_properties("${file}" PROPERTIES COMPILE_DEFINITIONS HOLISAFE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    endif()
  endforeach()
endfunction()

# holisafe_unity(TARGET FILES): with HOLISAFE_UNITY so many of its files are compiled at a time. What headers and their templates cost is then
# paid once for them; whoever works on one file is better off without.
function(holisafe_unity target files)
  if(HOLISAFE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${files})
    # To GCC the files are now headers of one that names them, and what they keep to themselves would be its own in every user.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
  endif()
endfunction()

# holisafe_precompiled(TARGET NAME LIBRARY...)
#
# The target shares the precompiled header cmake/NAME_pch.h, which includes headers of LIBRARY... alone, none of our own but nn/tensor.h: a file says
# itself what it includes, and a change of ours rebuilds what it concerns. The header is built once, by the target
# holisafe_NAME_header. Programs are compiled as position-independent as libraries, so that it fits them too.
function(holisafe_precompiled target name)
  set(header holisafe_${name}_header)
  if(NOT TARGET ${header})
    set(source "${CMAKE_BINARY_DIR}/${name}_header.cpp")
    if(NOT EXISTS "${source}")
      file(WRITE "${source}" "")
    endif()
    add_library(${header} OBJECT "${source}")
    target_link_libraries(${header} PRIVATE holisafe_options ${ARGN})
    if(name STREQUAL "torch")
      target_include_directories(${header} PRIVATE "${PROJECT_SOURCE_DIR}/src")  # nn/tensor.h: a list of LibTorch's headers
    endif()
    # Named without its folder, so that ccache knows it again in another clone.
    target_include_directories(${header} PRIVATE "${PROJECT_SOURCE_DIR}/cmake")
    target_precompile_headers(${header} PRIVATE <${name}_pch.h>)
    # For ccache, which cannot look into a precompiled header that g++ has put into its output, and whose results Clang would refuse for
    # the times of the files they were made from.
    target_compile_options(${header} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>
                           "$<$<CXX_COMPILER_ID:Clang>:SHELL:-Xclang -fno-pch-timestamp>")
  endif()
  target_precompile_headers(${target} REUSE_FROM ${header})
  # ccache preprocesses with Clang as if nothing were precompiled.
  target_include_directories(${target} PRIVATE $<$<CXX_COMPILER_ID:Clang>:${PROJECT_SOURCE_DIR}/cmake>)
  # Under sanitizers Clang takes twice as long to optimise tests and flag tables as to compile them, and they run as fast without.
  if(HOLISAFE_SANITIZE AND name MATCHES "^(test|cli)$")
    target_compile_options(${header} PRIVATE -O0)
    target_compile_options(${target} PRIVATE -O0)
  endif()
  # With its headers precompiled GCC 12 also warns of endless copies inside std::string's operator+ (GCC bug 105329).
  target_compile_options(${target} PRIVATE -fPIC
                         $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess -Wno-array-bounds -Wno-stringop-overflow>)
  set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
endfunction()
