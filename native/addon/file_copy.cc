#include "addon/file_copy.h"

#include <atomic>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "addon/job.h"
#include "addon/mapped_file.h"

namespace openelm {
namespace {

constexpr napi_type_tag kFileCopyTag = {0x6f70656e656c6d20, 0x636f706965640000};
constexpr double kMostBytes = 9007199254740991.0;

class FileCopyObject : public Napi::ObjectWrap<FileCopyObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "FileCopy",
                       {
                           InstanceMethod<&FileCopyObject::read>("read"),
                           InstanceMethod<&FileCopyObject::abort>("abort"),
                           InstanceMethod<&FileCopyObject::dispose>("dispose"),
                       });
  }

  explicit FileCopyObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    file_ = mapped_file_of(info[0]);
    if (!file_) {
      throw_status(info.Env(), Status(Code::invalid, "Expected a MappedFile"));
      return;
    }
    info.This().As<Napi::Object>().TypeTag(&kFileCopyTag);
  }

  std::shared_ptr<const FileCopy> copy_of(const MappedFile& file) const {
    return file_.get() == &file ? *copy_ : nullptr;
  }

 private:
  struct Range {
    uint64_t offset;
    size_t length;
    unsigned threads;
  };

  Result<Range> read_range(const Napi::Value& value) const {
    if (!value.IsObject()) return Status(Code::invalid, "Expected an object");
    const Napi::Object object = value.As<Napi::Object>();
    const Result<uint64_t> offset = size_property(object, "offset", kMostBytes);
    const Result<uint64_t> length = size_property(object, "length", kMostBytes);
    const Result<uint64_t> threads = size_property(object, "threads", 1024);
    for (const Result<uint64_t>* number : {&offset, &length, &threads})
      if (!number->ok()) return number->status;
    if (!file_->contains(offset.value, length.value))
      return Status(Code::invalid, "The range lies outside the file");
    return Range{offset.value, static_cast<size_t>(length.value), static_cast<unsigned>(threads.value)};
  }

  Napi::Value read(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const Result<Range> range = read_range(info[0]);
    if (!range.ok()) {
      throw_status(env, range.status);
      return env.Undefined();
    }
    const auto work = [file = file_, copy = copy_, stop = stop_,
                       r = range.value](Job&) -> Result<Job::Completion> {
      Result<std::shared_ptr<const FileCopy>> read =
          FileCopy::read(*file, r.offset, r.length, r.threads, *stop);
      if (!read.ok()) return read.status;
      // Moved on: the thread may keep this function for a moment after a model has come and gone.
      return Job::Completion([copy, stop, read = std::move(read.value)](Napi::Env js) mutable -> Napi::Value {
        if (!*stop) *copy = std::move(read);
        return js.Undefined();
      });
    };
    return Job::start(env, work, [stop = stop_] { *stop = true; }, {});
  }

  void abort(const Napi::CallbackInfo& /*info*/) { *stop_ = true; }

  void dispose(const Napi::CallbackInfo& /*info*/) {
    *stop_ = true;
    copy_->reset();
  }

  std::shared_ptr<const MappedFile> file_;
  // Shared with the thread that reads, which may outlive this object. Only JavaScript's thread touches
  // *copy_.
  std::shared_ptr<std::shared_ptr<const FileCopy>> copy_ =
      std::make_shared<std::shared_ptr<const FileCopy>>();
  std::shared_ptr<std::atomic<bool>> stop_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace

std::shared_ptr<const FileCopy> file_copy_of(const Napi::Value& value, const MappedFile& file) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kFileCopyTag)) return nullptr;
  return FileCopyObject::Unwrap(value.As<Napi::Object>())->copy_of(file);
}

void register_file_copy(Napi::Env env, Napi::Object exports) {
  exports.Set("FileCopy", FileCopyObject::define(env));
}

}  // namespace openelm
