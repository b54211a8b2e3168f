# bridge_folder(<name> SOURCES a.cpp ... [PUBLIC libs] [PRIVATE libs])
# The static library of one top-level folder. Includes are written from the project's root: "net/url.hpp".
function(bridge_folder name)
  cmake_parse_arguments(arg "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(bridge_${name} STATIC ${arg_SOURCES})
  target_include_directories(bridge_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(bridge_${name} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE})
endfunction()
