# Language, warnings, sanitizers and the compile cache: one place for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

find_program(CCACHE ccache)
if(CCACHE)
  # Objects do not depend on where the checkout lies, so that a second clone finds the first one's.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor> -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  # False alarm of optimised g++ 12: it inlines only one half of the pair with which Asio recycles coroutine frames.
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Optimised clang 16 with several io threads crashes in Asio's thread-local frame cache.
  add_compile_definitions(BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
endif()

set(BRIDGE_SANITIZE "" CACHE STRING "Sanitizers to build with: address,undefined or thread; fuzzer-no-link besides for the fuzzers")
if(BRIDGE_SANITIZE)
  add_compile_options(-fsanitize=${BRIDGE_SANITIZE} -O1 -g1 -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${BRIDGE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # False alarm of g++ sanitizer builds inside boost::system::result.
    add_compile_options(-Wno-maybe-uninitialized)
  endif()
  if(BRIDGE_SANITIZE MATCHES "address")
    # Recycled coroutine frames hide a use after free from ASan.
    add_compile_definitions(BOOST_ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
    add_compile_options(-fno-sanitize-recover=all)
  else()
    # The frames of an optimised build again, see above.
    add_compile_options(-Wno-tsan $<$<COMPILE_LANGUAGE:CXX>:-Wno-mismatched-new-delete>)
  endif()
else()
  # Line numbers are what a stack trace needs; full debug information costs a third of the build.
  add_compile_options(-g1)
endif()
