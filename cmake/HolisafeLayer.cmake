# holisafe_layer(NAME [TORCH] [QUICK] [DEPENDS layer...] [PACKAGES target...])
#
# The current folder becomes the static library `holisafe_NAME` (alias holisafe::NAME): every *.cpp in it that is
# neither *_test.cpp nor *_fuzz.cpp. Its *_test.cpp become the program NAME_test, each test a ctest of its own.
# DEPENDS names layers below, PACKAGES imported targets of libraries. With TORCH the layer is built against LibTorch.
# QUICK: no loop of its own is what a user waits for; it is optimised less and built in two thirds of the time.
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
  cmake_parse_arguments(arg "TORCH;QUICK" "" "DEPENDS;PACKAGES;TEST_PACKAGES" ${ARGN})
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
    holisafe_unity(${target})
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

  if(HOLISAFE_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${target} holisafe_options holisafe_quick_to_build GTest::gmock
                          GTest::gtest_main ${arg_TEST_PACKAGES})
    target_compile_definitions(${name}_test PRIVATE HOLISAFE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    if(arg_TORCH)
      holisafe_precompiled(${name}_test torch LibTorch::cpu fmt::fmt)
    else()
      holisafe_precompiled(${name}_test test fmt::fmt nlohmann_json::nlohmann_json GTest::gmock)
    endif()
    gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_MODE PRE_TEST PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# holisafe_unity(TARGET): with HOLISAFE_UNITY its files are compiled four at a time. What LibTorch's headers cost Clang and clang-tidy is
# then paid once for the four; whoever works on one file is better off without.
function(holisafe_unity target)
  if(HOLISAFE_UNITY)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 4)
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
    target_precompile_headers(${header} PRIVATE "${PROJECT_SOURCE_DIR}/cmake/${name}_pch.h")
    # For ccache, which cannot look into a precompiled header that g++ has put into its output.
    target_compile_options(${header} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${header})
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
