# Finds Arrow and Parquet inside a `pyarrow` wheel: imported target ArrowWheel::parquet.
#
# Searched, in order: -DHOLISAFE_ARROW_DIR or the environment's HOLISAFE_ARROW_DIR (a folder with include/ and libparquet.so.N, such
# as site-packages/pyarrow), then the virtual environment that `make setup` makes. The libraries' names end in their version, which
# the module asks for when it is loaded.
set(HOLISAFE_ARROW_DIR "$ENV{HOLISAFE_ARROW_DIR}" CACHE PATH "Folder of Arrow (holds include/ and libparquet.so.N)")
file(GLOB _venv_arrow "${CMAKE_SOURCE_DIR}/build/venv/lib/python3*/site-packages/pyarrow")

find_path(ArrowWheel_ROOT_DIR include/parquet/file_reader.h HINTS "${HOLISAFE_ARROW_DIR}" ${_venv_arrow} NO_DEFAULT_PATH)
set(ArrowWheel_VERSION_NUMBER "")
if(ArrowWheel_ROOT_DIR)
  file(GLOB _libraries "${ArrowWheel_ROOT_DIR}/libparquet.so.*")
  foreach(_library IN LISTS _libraries)
    string(REGEX MATCH "[0-9]+$" _version "${_library}")
    if(_version AND EXISTS "${ArrowWheel_ROOT_DIR}/libarrow.so.${_version}")
      set(ArrowWheel_VERSION_NUMBER "${_version}")
    endif()
  endforeach()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(ArrowWheel
  REQUIRED_VARS ArrowWheel_ROOT_DIR ArrowWheel_VERSION_NUMBER
  REASON_FAILURE_MESSAGE "run `make setup`, or set HOLISAFE_ARROW_DIR: without it Parquet files are not read")

if(ArrowWheel_FOUND AND NOT TARGET ArrowWheel::parquet)
  foreach(_part IN ITEMS arrow parquet)
    add_library(ArrowWheel::${_part} SHARED IMPORTED)
    set_target_properties(ArrowWheel::${_part} PROPERTIES
      IMPORTED_LOCATION "${ArrowWheel_ROOT_DIR}/lib${_part}.so.${ArrowWheel_VERSION_NUMBER}"
      INTERFACE_INCLUDE_DIRECTORIES "${ArrowWheel_ROOT_DIR}/include")
  endforeach()
  target_link_libraries(ArrowWheel::parquet INTERFACE ArrowWheel::arrow)
endif()
