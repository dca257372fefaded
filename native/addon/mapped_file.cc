#include "addon/mapped_file.h"

#include <cstring>
#include <limits>

#include "addon/errors.h"
#include "addon/job.h"
#include "quant/convert.h"
#include "runtime/buffer.h"

namespace openelm {
namespace {

constexpr napi_type_tag kMappedFileTag = {0x6f70656e656c6d20, 0x6d61707065640000};

/// A number that is a whole, non-negative one below 2^53.
bool read_size(const Napi::Value& value, uint64_t& size) {
  if (!value.IsNumber()) return false;
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= 0 && number <= 9007199254740991.0)) return false;
  size = static_cast<uint64_t>(number);
  return static_cast<double>(size) == number;
}

/// Which conversion is asked for, and how many bytes it reads and writes.
struct Conversion {
  DType from, to;
  size_t rows, cols, bytes_in, bytes_out;
};

Result<Conversion> read_conversion(const Napi::Value& from, const Napi::Value& rows, const Napi::Value& cols,
                                   const Napi::Value& to) {
  const Status invalid(Code::invalid, "Expected from, rows, cols and to as whole numbers of known types");
  uint64_t from_id, to_id, n_rows, n_cols;
  if (!read_size(from, from_id) || !read_size(to, to_id) || !read_size(rows, n_rows) ||
      !read_size(cols, n_cols))
    return invalid;
  constexpr uint64_t kMost = uint64_t{1} << 32;
  if (from_id > 255 || to_id > 255 || n_rows > kMost || n_cols > kMost) return invalid;
  const DTypeInfo* source = find_dtype(static_cast<uint32_t>(from_id));
  const DTypeInfo* target = find_dtype(static_cast<uint32_t>(to_id));
  if (!source || !target || !can_convert(source->type, target->type))
    return Status(Code::invalid,
                  "Cannot convert type " + std::to_string(from_id) + " to " + std::to_string(to_id));
  if (n_cols % source->block_elements != 0 || n_cols % target->block_elements != 0)
    return Status(Code::invalid, "Rows of " + std::to_string(n_cols) + " elements are not whole blocks");
  const uint64_t most_bytes = uint64_t{1} << 40;
  const uint64_t bytes_in = n_rows * row_bytes(source->type, n_cols);
  const uint64_t bytes_out = n_rows * row_bytes(target->type, n_cols);
  if (n_rows != 0 && (n_cols * 4 > most_bytes / n_rows))
    return Status(Code::memory, "The conversion is too large");
  return Conversion{source->type,
                    target->type,
                    static_cast<size_t>(n_rows),
                    static_cast<size_t>(n_cols),
                    static_cast<size_t>(bytes_in),
                    static_cast<size_t>(bytes_out)};
}

class MappedFileObject : public Napi::ObjectWrap<MappedFileObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "MappedFile",
                       {
                           InstanceAccessor<&MappedFileObject::size>("size"),
                           InstanceMethod<&MappedFileObject::read>("read"),
                           InstanceMethod<&MappedFileObject::convert>("convert"),
                           InstanceMethod<&MappedFileObject::read_ahead>("readAhead"),
                       });
  }

  explicit MappedFileObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    const Napi::Env env = info.Env();
    Result<std::shared_ptr<const MappedFile>> file = Status(Code::invalid, "Expected a path");
    if (info[0].IsString()) file = MappedFile::open(info[0].As<Napi::String>().Utf8Value());
    if (!file.ok()) {
      throw_status(env, file.status);
      return;
    }
    file_ = std::move(file.value);
    info.This().As<Napi::Object>().TypeTag(&kMappedFileTag);
  }

  const std::shared_ptr<const MappedFile>& file() const { return file_; }

 private:
  Napi::Value size(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(file_->size()));
  }

  Napi::Value read(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    uint64_t offset, length;
    if (!read_size(info[0], offset) || !read_size(info[1], length) || !file_->contains(offset, length)) {
      throw_status(env, Status(Code::invalid, "The range lies outside the file"));
      return env.Undefined();
    }
    Napi::Uint8Array bytes = Napi::Uint8Array::New(env, static_cast<size_t>(length));
    if (env.IsExceptionPending()) return env.Undefined();
    if (length > 0) std::memcpy(bytes.Data(), file_->data() + offset, static_cast<size_t>(length));
    return bytes;
  }

  void read_ahead(const Napi::CallbackInfo& /*info*/) { file_->read_ahead(); }

  Napi::Value convert(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    uint64_t offset;
    const Result<Conversion> conversion = read_conversion(info[1], info[2], info[3], info[4]);
    if (!conversion.ok()) {
      throw_status(env, conversion.status);
      return env.Undefined();
    }
    const Conversion c = conversion.value;
    if (!read_size(info[0], offset) || !file_->contains(offset, c.bytes_in)) {
      throw_status(env, Status(Code::invalid, "The range lies outside the file"));
      return env.Undefined();
    }
    const auto work = [file = file_, offset, c](Job&) -> Result<Job::Completion> {
      Result<Buffer> memory = Buffer::allocate(c.bytes_out);
      if (!memory.ok()) return memory.status;
      const auto out = std::make_shared<Buffer>(std::move(memory.value));
      convert_rows(c.from, file->data() + offset, c.rows, c.cols, c.to, out->data());
      return Job::Completion([out](Napi::Env js) -> Napi::Value {
        Napi::Uint8Array bytes = Napi::Uint8Array::New(js, out->size());
        if (!js.IsExceptionPending() && out->size() > 0) std::memcpy(bytes.Data(), out->data(), out->size());
        return bytes;
      });
    };
    return Job::start(env, work, {}, {});
  }

  std::shared_ptr<const MappedFile> file_;
};

Napi::Value convert_in_memory(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Result<Conversion> conversion = read_conversion(info[0], info[2], info[3], info[4]);
  if (!conversion.ok()) {
    throw_status(env, conversion.status);
    return env.Undefined();
  }
  const Conversion c = conversion.value;
  if (!info[1].IsTypedArray() || info[1].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array ||
      info[1].As<Napi::TypedArray>().ByteLength() != c.bytes_in) {
    throw_status(env,
                 Status(Code::invalid, "Expected " + std::to_string(c.bytes_in) + " bytes as a Uint8Array"));
    return env.Undefined();
  }
  Napi::Uint8Array out = Napi::Uint8Array::New(env, c.bytes_out);
  if (env.IsExceptionPending()) return env.Undefined();
  convert_rows(c.from, info[1].As<Napi::Uint8Array>().Data(), c.rows, c.cols, c.to, out.Data());
  return out;
}

}  // namespace

std::shared_ptr<const MappedFile> mapped_file_of(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kMappedFileTag)) return nullptr;
  return MappedFileObject::Unwrap(value.As<Napi::Object>())->file();
}

void register_mapped_file(Napi::Env env, Napi::Object exports) {
  exports.Set("MappedFile", MappedFileObject::define(env));
  exports.Set("convertRows", Napi::Function::New<convert_in_memory>(env, "convertRows"));
}

}  // namespace openelm
