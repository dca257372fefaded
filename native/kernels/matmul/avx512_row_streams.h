#pragma once

// Rows of a call as R streams, far apart: a core has more of several streams of memory under way than of one
// (measured on Emerald Rapids with two cores: 20 GB/s of one stream each, 23 asked for ahead, 29 of two).
//
// Each is asked for ahead, across the pages at whose end prefetchers of the hardware stop, and across its own
// end into the rows that come next: of a chunk of 64 rows, what is asked for in vain is a tenth, and so is
// what nobody asked for at its beginning.

#include "kernels/matmul/matmul.h"
#include "kernels/simd/zmm.h"

namespace openelm {
namespace {

/// Rows of a matrix cut into R streams of nearly equal length, the longer ones first.
template <int R>
class StreamedRows {
 public:
  StreamedRows() = default;
  StreamedRows(const WeightMatrix& w, size_t begin, size_t end)
      : stride_(row_bytes(w.type, w.cols)),
        data_(w.data + begin * stride_),
        shortest_((end - begin) / R),
        longer_((end - begin) % R) {}

  size_t shortest() const { return shortest_; }
  /// How many streams are a row longer than the shortest.
  size_t longer() const { return longer_; }
  size_t length(size_t r) const { return shortest_ + (r < longer_); }
  /// Row i of stream r, counted from the first of all.
  size_t index(size_t r, size_t i) const { return r * shortest_ + min_of(r, longer_) + i; }
  const uint8_t* row(size_t r, size_t i) const { return data_ + index(r, i) * stride_; }
  size_t stride() const { return stride_; }

 private:
  size_t stride_ = 0;  // computed once: it takes a division
  const uint8_t* data_ = nullptr;
  size_t shortest_ = 0, longer_ = 0;
};

/// The streams of a call and of the rows that follow.
template <int R>
class RowStreams : public StreamedRows<R> {
 public:
  /// Weights are asked for at least `bytes` ahead, in whole rows.
  RowStreams(const MatmulArgs& args, size_t bytes)
      : StreamedRows<R>(*args.w, args.row_begin, args.row_end),
        distance_((bytes + this->stride() - 1) / this->stride()) {
    if (args.next.w) next_ = StreamedRows<R>(*args.next.w, args.next.begin, args.next.end);
  }

  /// The row to ask for while row i of stream r is multiplied: that row itself where none is known.
  const uint8_t* ahead(size_t r, size_t i) const {
    const size_t j = i + distance_, length = this->length(r);
    if (j < length) return this->row(r, j);
    return j - length < next_.length(r) ? next_.row(r, j - length) : this->row(r, i);
  }
  /// Row i of each of the first `count` streams, and the rows to ask for meanwhile.
  template <int count>
  void open(size_t i, const uint8_t* (&data)[count], const uint8_t* (&ahead_of)[count]) const {
#pragma GCC unroll 4
    for (int r = 0; r < count; ++r) {
      data[r] = this->row(static_cast<size_t>(r), i);
      ahead_of[r] = ahead(static_cast<size_t>(r), i);
    }
  }
  /// The result of row i of stream r for a token.
  void store(const MatmulArgs& args, int r, size_t i, int token, float total) const {
    float& y = args.y[static_cast<size_t>(token) * args.ldy + args.row_begin +
                      this->index(static_cast<size_t>(r), i)];
    y = args.accumulate ? y + total : total;
  }
  /// Calls rows<count>(i) for row i of the first `count` streams: all of them, then those that are longer.
  template <class Rows>
  void each(const Rows& rows) const {
    for (size_t i = 0; i < this->shortest(); ++i) rows.template operator()<R>(i);
    if (this->longer() == 1) rows.template operator()<1>(this->shortest());
    if constexpr (R > 2)
      if (this->longer() == 2) rows.template operator()<2>(this->shortest());
    if constexpr (R > 3)
      if (this->longer() == 3) rows.template operator()<3>(this->shortest());
  }

 private:
  StreamedRows<R> next_;
  size_t distance_;
};

}  // namespace
}  // namespace openelm
