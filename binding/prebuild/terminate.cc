// What std::terminate() does in a prebuilt addon, in the place of the C++ library's own handler, which prints the type
// of the exception and for that brings a demangler as large as the rest of it.
#include <unistd.h>

#include <cstdlib>

namespace __gnu_cxx {

[[noreturn]] void __verbose_terminate_handler() {
  static const char text[] = "cofferdam: an exception that nobody caught\n";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0) std::abort();
  std::abort();
}

} // namespace __gnu_cxx
