#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace openelm {

/// Hash table of 64-bit keys to 32-bit values: open addressing with linear probing, at most half full, built
/// once and then only read. One cache line answers most look-ups, which are the inner loop of the encoder.
/// The key ~0 is reserved.
class KeyTable {
 public:
  static constexpr uint32_t kNone = 0xFFFFFFFF;

  KeyTable() : entries_(16) {}

  /// Inserts unless the key is there. Returns the value the table then holds for it.
  uint32_t insert(uint64_t key, uint32_t value) {
    if ((count_ + 1) * 2 > entries_.size()) grow();
    Entry& entry = entries_[slot(key)];
    if (entry.key == key) return entry.value;
    entry = {key, value};
    ++count_;
    return value;
  }

  /// Value of a key, or kNone.
  uint32_t find(uint64_t key) const {
    const Entry& entry = entries_[slot(key)];
    return entry.key == key ? entry.value : kNone;
  }

  size_t size() const { return count_; }

 private:
  struct Entry {
    uint64_t key = ~0ull;
    uint32_t value = kNone;
  };

  /// Where the key is, or the free entry where it belongs.
  size_t slot(uint64_t key) const {
    const size_t mask = entries_.size() - 1;
    uint64_t h = key * 0x9E3779B97F4A7C15ull;
    h ^= h >> 32;
    size_t i = h & mask;
    while (entries_[i].key != key && entries_[i].key != ~0ull) i = (i + 1) & mask;
    return i;
  }

  void grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old) {
      if (entry.key != ~0ull) entries_[slot(entry.key)] = entry;
    }
  }

  std::vector<Entry> entries_;
  size_t count_ = 0;
};

}  // namespace openelm
