#include "tap.h"

#include <cstdarg>
#include <cstdio>

namespace openelm::check {
namespace {

constexpr size_t kFailuresShown = 8;

}  // namespace

std::string format(const char* pattern, ...) {
  char text[512];
  va_list args;
  va_start(args, pattern);
  std::vsnprintf(text, sizeof text, pattern, args);
  va_end(args);
  return text;
}

void Test::fail(const std::string& what) {
  if (++failures_ <= kFailuresShown) details_ += "    - '" + what + "'\n";
}

void Test::fail_near(const std::string& where, double expected, double actual, double bound) {
  fail(where + format(": expected %.9g, actual %.9g, error %.3g, bound %.3g", expected, actual,
                      actual - expected, bound));
}

Tap::Tap(std::string filter) : filter_(std::move(filter)) {
  std::printf("TAP version 14\n");
}

void Tap::run(const std::string& name, const std::function<void(Test&)>& body) {
  if (name.find(filter_) == std::string::npos) return;
  Test test;
  // Flushed before the test, so that a crash says where.
  std::printf("# %s\n", name.c_str());
  std::fflush(stdout);
  body(test);
  const bool ok = test.failures() == 0 && test.comparisons() > 0;
  ++tests_;
  std::printf("%s %zu - %s (%zu comparisons)\n", ok ? "ok" : "not ok", tests_, name.c_str(),
              test.comparisons());
  if (!ok) {
    ++failed_;
    std::printf("  ---\n  message: '%zu of %zu comparisons failed'\n  failures:\n%s  ...\n", test.failures(),
                test.comparisons(), test.details().empty() ? "    []\n" : test.details().c_str());
  }
  std::fflush(stdout);
}

int Tap::finish() {
  std::printf("1..%zu\n", tests_);
  if (tests_ == 0) std::printf("# nothing was selected\n");
  return tests_ == 0 || failed_ > 0 ? 1 : 0;
}

}  // namespace openelm::check
