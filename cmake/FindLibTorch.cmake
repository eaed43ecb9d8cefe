# Finds the CPU part of LibTorch inside a `torch` wheel: imported target LibTorch::cpu.
#
# Searched, in order: -DHOLISAFE_TORCH_DIR or the environment's HOLISAFE_TORCH_DIR (a folder with include/ and lib/, such as
# site-packages/torch), then the virtual environment that `make setup` makes, then HOLISAFE_BUILT_WITH_TORCH, which an installed
# package sets. The wheel's own CMake package is not used:
# that of a CUDA build demands a CUDA toolkit, and nothing here compiles CUDA code.
set(HOLISAFE_TORCH_DIR "$ENV{HOLISAFE_TORCH_DIR}" CACHE PATH "Folder of LibTorch (holds include/ and lib/)")
file(GLOB _venv_torch "${CMAKE_SOURCE_DIR}/build/venv/lib/python3*/site-packages/torch")

find_path(LibTorch_INCLUDE_DIR torch/types.h HINTS "${HOLISAFE_TORCH_DIR}/include" ${_venv_torch} "${HOLISAFE_BUILT_WITH_TORCH}"
          PATH_SUFFIXES include torch/csrc/api/include include/torch/csrc/api/include NO_DEFAULT_PATH)
foreach(_part IN ITEMS torch torch_cpu c10)
  find_library(LibTorch_${_part}_LIBRARY ${_part} HINTS "${HOLISAFE_TORCH_DIR}/lib" ${_venv_torch} "${HOLISAFE_BUILT_WITH_TORCH}"
               PATH_SUFFIXES lib NO_DEFAULT_PATH)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_torch_cpu_LIBRARY LibTorch_c10_LIBRARY LibTorch_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run `make setup`, set HOLISAFE_TORCH_DIR, or build with -DHOLISAFE_TORCH=OFF")

if(LibTorch_FOUND AND NOT TARGET LibTorch::cpu)
  get_filename_component(_root "${LibTorch_c10_LIBRARY}" DIRECTORY)
  get_filename_component(_root "${_root}" DIRECTORY)
  find_package(Threads REQUIRED)
  add_library(LibTorch::cpu SHARED IMPORTED)
  set_target_properties(LibTorch::cpu PROPERTIES
    IMPORTED_LOCATION "${LibTorch_torch_cpu_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${_root}/include;${_root}/include/torch/csrc/api/include"
    INTERFACE_LINK_OPTIONS "LINKER:--allow-shlib-undefined"  # those of a CUDA build are resolved by the wheel at run time
    INTERFACE_COMPILE_DEFINITIONS "_GLIBCXX_USE_CXX11_ABI=1;FMT_HEADER_ONLY=1;AT_PER_OPERATOR_HEADERS"  # the wheel brings headers of its own fmt
    INTERFACE_LINK_LIBRARIES "${LibTorch_c10_LIBRARY};Threads::Threads")
  set(LibTorch_ROOT_DIR "${_root}")

  # LibTorch::nccl, where LibTorch is a CUDA build and the headers of CUDA and NCCL are at hand: beside the wheel, as its
  # nvidia-* packages bring them, or in a toolkit.
  file(GLOB _nvidia "${_root}/../nvidia/*/include")
  find_library(LibTorch_torch_cuda_LIBRARY torch_cuda HINTS "${_root}/lib" NO_DEFAULT_PATH)
  find_path(LibTorch_NCCL_INCLUDE_DIR nccl.h HINTS ${_nvidia})
  find_path(LibTorch_CUDA_INCLUDE_DIR cuda_runtime_api.h HINTS ${_nvidia} "$ENV{CUDA_HOME}/include" /usr/local/cuda/include)
  mark_as_advanced(LibTorch_torch_cuda_LIBRARY LibTorch_NCCL_INCLUDE_DIR LibTorch_CUDA_INCLUDE_DIR)
  if(LibTorch_torch_cuda_LIBRARY AND LibTorch_NCCL_INCLUDE_DIR AND LibTorch_CUDA_INCLUDE_DIR)
    add_library(LibTorch::nccl INTERFACE IMPORTED)
    target_include_directories(LibTorch::nccl SYSTEM INTERFACE "${LibTorch_NCCL_INCLUDE_DIR}" "${LibTorch_CUDA_INCLUDE_DIR}" ${_nvidia})
    target_link_libraries(LibTorch::nccl INTERFACE "${LibTorch_torch_cuda_LIBRARY}")
    target_compile_definitions(LibTorch::nccl INTERFACE HOLISAFE_NCCL)
  endif()
endif()
