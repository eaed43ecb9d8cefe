# Installs headers, so that `#include <holisafe/engine/engine.h>` needs nothing else of ours on the include path: a consumer's own
# base/result.h or image/image.h is in nobody's way. Run while installing:
#
#   cmake -DSOURCE=src -DDESTINATION=PREFIX/include/holisafe [-DWITHOUT="nn;models"] -P InstallHeaders.cmake
#
# A header is public where another layer or the program includes it, and where a public one does. Layers named in WITHOUT are
# not installed.
cmake_minimum_required(VERSION 3.25)
file(GLOB_RECURSE files RELATIVE "${SOURCE}" "${SOURCE}/*.h" "${SOURCE}/*.cpp")
list(FILTER files EXCLUDE REGEX "_(test|fuzz)\\.cpp$|/fuzz_[^/]*\\.h$|/testdata/")
set(public "")
foreach(file IN LISTS files)
  string(REGEX MATCH "^[^/]+" layer "${file}")
  file(STRINGS "${SOURCE}/${file}" lines REGEX "^#include \"")
  list(TRANSFORM lines REPLACE "^#include \"([^\"]+)\".*" "\\1")
  if(file MATCHES "\\.h$")
    set("includes_of_${file}" "${lines}")
  endif()
  list(FILTER lines EXCLUDE REGEX "^(${layer}|cli)/")
  list(APPEND public ${lines})
endforeach()

set(installed "")
while(public)
  list(REMOVE_DUPLICATES public)
  list(APPEND installed ${public})
  set(further "")
  foreach(header IN LISTS public)
    list(APPEND further ${includes_of_${header}})
  endforeach()
  set(public ${further})
  list(REMOVE_ITEM public ${installed})
endwhile()

foreach(header IN LISTS installed)
  string(REGEX MATCH "^[^/]+" layer "${header}")
  if(NOT layer IN_LIST WITHOUT)
    file(READ "${SOURCE}/${header}" text)
    string(REGEX REPLACE "#include \"([^\"]+)\"" "#include <holisafe/\\1>" text "${text}")
    file(WRITE "${DESTINATION}/${header}" "${text}")
  endif()
endforeach()
