#pragma once

// Test Anything Protocol, version 14: what the test runner of the JavaScript side reads too.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace openelm::check {

/// One test point: counts comparisons and keeps the first failures. A test that compared nothing fails.
class Test {
 public:
  /// Fails unless |actual - expected| <= bound; `where` is called only then and says what was compared.
  template <class Where>
  void near(double expected, double actual, double bound, Where&& where) {
    ++comparisons_;
    const double error = actual > expected ? actual - expected : expected - actual;
    if (error <= bound) return;
    fail_near(where(), expected, actual, bound);
  }

  /// Fails unless `ok`; `where` as in near.
  template <class Where>
  void expect(bool ok, Where&& where) {
    ++comparisons_;
    if (!ok) fail(where());
  }

  size_t comparisons() const { return comparisons_; }
  size_t failures() const { return failures_; }
  const std::string& details() const { return details_; }

 private:
  void fail(const std::string& what);
  void fail_near(const std::string& where, double expected, double actual, double bound);

  size_t comparisons_ = 0, failures_ = 0;
  std::string details_;
};

/// Writes the stream to stdout, a line a test as it ends.
class Tap {
 public:
  /// Only tests whose name contains `filter` run.
  explicit Tap(std::string filter);

  void run(const std::string& name, const std::function<void(Test&)>& body);

  /// Writes the plan; returns the process's exit code: 1 when a test failed or none ran.
  int finish();

 private:
  std::string filter_;
  size_t tests_ = 0, failed_ = 0;
};

/// printf into a string.
std::string format(const char* pattern, ...) __attribute__((format(printf, 1, 2)));

}  // namespace openelm::check
