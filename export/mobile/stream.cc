// Widens a call as an app would, frame by frame, by LiteRT's C API:
//
//     stream telephony.tflite call.wav wide.wav
//
// The call is a WAV file of 16 bits, mono, at the rate that the model wants. What an app does is
// `Stream`. It makes the same samples as stream.py, to the bit.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "litert.h"
#include "sha256.h"

namespace {

// The first frames, whose time does not count.
constexpr size_t kWarmUp = 100;
// kLiteRtHwAcceleratorCpu: a frame's work is too small to share with another processor.
constexpr int kCpu = 1;
// No accelerator but the CPU is looked for, and nothing is logged: errors are returned.
constexpr int kInteger = 2, kSilent = 4;
constexpr LiteRtEnvOption kEnvironment[] = {
    {24 /* kLiteRtEnvOptionTagAutoRegisterAccelerators */, {kInteger, kCpu}},
    {25 /* kLiteRtEnvOptionTagMinLoggerSeverity */, {kInteger, kSilent}},
};
constexpr char kWhole[] =
    ": wants whole recordings; take stream.tflite, or export a causal run with --streaming";
constexpr char kMany[] = ": is for many streams; take stream.tflite";
// The tag of WAV whose coding is told farther on.
constexpr uint32_t kExtensible = 0xfffe;
// What LiteRT asks of memory that it is given (LITERT_HOST_MEMORY_BUFFER_ALIGNMENT).
constexpr size_t kAlignment = 64;

[[noreturn]] void fail(const std::string& message) { throw std::runtime_error(message); }

void check(LiteRtStatus status, const std::string& what) {
  if (status) fail(what + " (LiteRtStatus " + std::to_string(status) + ")");
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

// All that is in a file.
std::string read(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"), std::fclose);
  std::string content;
  char block[1 << 16];
  for (size_t size = 1; file && size; content.append(block, size)) {
    size = std::fread(block, 1, sizeof block, file.get());
  }
  if (!file || std::ferror(file.get())) fail(path + ": cannot be read (" + std::strerror(errno) + ")");
  return content;
}

// LiteRT trusts what it opens, and reads beyond the end of a file that was cut.
void check_seal(const std::string& path) {
  std::string model = read(path);
  constexpr std::string_view before = "\"sha256\": \"";
  const size_t at = model.find(before, model.find("{\"tfsr\": "));
  if (model.compare(std::min<size_t>(4, model.size()), 4, "TFL3") || at == std::string::npos) {
    fail(path + ": no TensorFlow Lite file of tfsr's, or damaged; copy or export it again");
  }
  // The seal is that of the file with zeros in its place.
  const size_t place = at + before.size(), size = std::min<size_t>(64, model.size() - place);
  const std::string seal = model.substr(place, size);
  model.replace(place, size, size, '0');
  if (sha256::digits(model) != seal) {
    fail(path + ": is not as it was exported (SHA-256); copy it again");
  }
}

template <typename T, void (*destroy)(T*)>
struct Destroy {
  void operator()(T* handle) const { destroy(handle); }
};
template <typename T, void (*destroy)(T*)>
using Owned = std::unique_ptr<T, Destroy<T, destroy>>;

// What `create(&handle)` makes, owned.
template <typename Handle, typename Create>
Handle created(const std::string& what, Create create) {
  typename Handle::pointer handle = nullptr;
  check(create(&handle), what);
  return Handle(handle);
}

// float32 or int32 values of one tensor, in memory of our own.
class Tensor {
 public:
  explicit Tensor(const LiteRtRankedTensorType& type) {
    const auto* sizes = type.layout.dimensions;
    for (const auto* size = sizes; size < sizes + type.layout.rank; ++size) count_ *= *size;
    const size_t bytes = (4 * count_ + kAlignment - 1) / kAlignment * kAlignment;
    memory_.reset(static_cast<float*>(std::aligned_alloc(kAlignment, bytes)));
    if (!memory_) throw std::bad_alloc();
    std::memset(memory_.get(), 0, bytes);
    buffer_ = created<Buffer>("a tensor cannot be made", [&](auto* buffer) {
      return LiteRtCreateTensorBufferFromHostMemory(&type, memory_.get(), 4 * count_, nullptr,
                                                    buffer);
    });
  }
  float* values() { return memory_.get(); }
  size_t count() const { return count_; }
  LiteRtTensorBufferT* buffer() { return buffer_.get(); }

 private:
  using Buffer = Owned<LiteRtTensorBufferT, LiteRtDestroyTensorBuffer>;
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  size_t count_ = 1;
  std::unique_ptr<float, Free> memory_;  // outlives the buffer, which does not own it
  Buffer buffer_;
};

using Tensors = std::map<std::string, Tensor>;

// One of the model's functions: the names of its inputs and outputs in order, and their types.
using Types = std::vector<std::pair<std::string, LiteRtRankedTensorType>>;
struct Function {
  size_t index = 0;
  Types inputs, outputs;
};

// One call. Frames go in, and come out at `ratio` times the rate.
class Stream {
 public:
  explicit Stream(const std::string& path) {
    check_seal(path);
    environment_ = created<decltype(environment_)>("LiteRT cannot start", [](auto* made) {
      return LiteRtCreateEnvironment(std::size(kEnvironment), kEnvironment, made);
    });
    const std::string broken = path + ": is no TensorFlow Lite file, or cannot be read";
    model_ = created<decltype(model_)>(broken, [&](auto* made) {
      return LiteRtCreateModelFromFile(environment_.get(), path.c_str(), made);
    });
    read_properties(path);
    step_ = function("step", path);
    const auto options = created<Owned<LiteRtOptionsT, LiteRtDestroyOptions>>(
        "LiteRT has no options", LiteRtCreateOptions);
    check(LiteRtSetOptionsHardwareAccelerators(options.get(), kCpu), "LiteRT has no CPU");
    compiled_ = created<decltype(compiled_)>(path + ": cannot be compiled", [&](auto* made) {
      return LiteRtCreateCompiledModel(environment_.get(), model_.get(), options.get(), made);
    });
    for (const auto& [name, type] : step_.inputs) in_.emplace(name, type);
    for (const auto& [name, type] : step_.outputs) out_.emplace(name, type);
    begin(path);
  }

  int input_rate, output_rate, hop, ratio;
  double latency_ms;

  // Samples at the output rate by which what comes out is later than what went in.
  int late() const { return std::lround(latency_ms * output_rate / 1000) - hop * ratio; }

  // From `hop` samples to `ratio * hop`, which are there until the next call.
  const float* push(const float* frame) {
    std::copy(frame, frame + hop, in_.at("audio").values());
    run(step_, in_, out_);
    // What came out is the state that goes in next. Both sets of memory change places.
    for (auto& [name, tensor] : out_) {
      if (name != "audio") std::swap(tensor, in_.at(name));
    }
    return out_.at("audio").values();
  }

 private:
  void read_properties(const std::string& path) {
    const void* content = nullptr;
    size_t size = 0;
    check(LiteRtGetModelMetadata(model_.get(), "TFSR_PROPERTIES", &content, &size),
          path + ": no TensorFlow Lite file of tfsr's");
    const std::string_view json(static_cast<const char*>(content), size);
    const auto number = [&](const std::string& name) {
      const auto at = json.find('"' + name + "\": ");
      const std::string text(json.substr(std::min(at, size), name.size() + 24));
      double value;
      if (std::sscanf(text.c_str() + std::min(text.size(), name.size() + 4), "%lf", &value) != 1) {
        fail(path + kWhole);
      }
      return value;
    };
    input_rate = number("input_rate"), output_rate = number("output_rate");
    hop = number("hop"), ratio = number("ratio"), latency_ms = number("latency_ms");
  }

  Function function(const std::string& wanted, const std::string& path) const {
    size_t count = 0;
    check(LiteRtGetNumModelSignatures(model_.get(), &count), path);
    for (size_t index = 0; index < count; ++index) {
      LiteRtSignatureT* signature = nullptr;
      const char* key = nullptr;
      check(LiteRtGetModelSignature(model_.get(), index, &signature), path);
      check(LiteRtGetSignatureKey(signature, &key), path);
      if (key != wanted) continue;
      const Function found = {
          index,
          types(signature, LiteRtGetNumSignatureInputs, LiteRtGetSignatureInputName,
                LiteRtGetSignatureInputTensorByIndex),
          types(signature, LiteRtGetNumSignatureOutputs, LiteRtGetSignatureOutputName,
                LiteRtGetSignatureOutputTensorByIndex)};
      for (const auto& types : {found.inputs, found.outputs}) {
        for (const auto& [name, type] : types) {
          const auto* sizes = type.layout.dimensions;
          const bool open = std::any_of(sizes, sizes + type.layout.rank, [](int k) { return k < 1; });
          if (open) fail(path + kMany);
        }
      }
      return found;
    }
    fail(path + kWhole);
  }

  template <typename Count, typename Name, typename Find>
  static Types types(LiteRtSignatureT* signature, Count number, Name name, Find find) {
    size_t count = 0;
    check(number(signature, &count), "a signature cannot be read");
    Types found(count);
    for (size_t index = 0; index < count; ++index) {
      const char* text = nullptr;
      LiteRtTensorT* tensor = nullptr;
      check(name(signature, index, &text), "a name cannot be read");
      check(find(signature, index, &tensor), "a tensor cannot be found");
      found[index].first = text;
      check(LiteRtGetRankedTensorType(tensor, &found[index].second), "a tensor has no type");
    }
    return found;
  }

  // The state of a stream that begins.
  void begin(const std::string& path) {
    const Function first = function("initial_state", path);
    Tensors stream;
    for (const auto& [name, type] : first.inputs) stream.emplace(name, type);
    run(first, stream, in_);
  }

  void run(const Function& function, Tensors& inputs, Tensors& outputs) {
    std::vector<LiteRtTensorBufferT*> given, made;
    for (const auto& input : function.inputs) given.push_back(inputs.at(input.first).buffer());
    for (const auto& output : function.outputs) made.push_back(outputs.at(output.first).buffer());
    check(LiteRtRunCompiledModel(compiled_.get(), function.index, given.size(), given.data(),
                                 made.size(), made.data()),
          "a frame cannot be computed");
  }

  // In this order, so that what needs another is destroyed before it.
  Owned<LiteRtEnvironmentT, LiteRtDestroyEnvironment> environment_;
  Owned<LiteRtModelT, LiteRtDestroyModel> model_;
  Owned<LiteRtCompiledModelT, LiteRtDestroyCompiledModel> compiled_;
  Function step_;
  Tensors in_, out_;
};

uint32_t little_endian(const std::string& bytes, size_t at, size_t size) {
  uint32_t value = 0;
  for (size_t k = 0; k < size && at + k < bytes.size(); ++k) {
    value |= static_cast<uint32_t>(static_cast<unsigned char>(bytes[at + k])) << (8 * k);
  }
  return value;
}

// Samples in [-1, 1) of a WAV file of 16 bits, mono, at `rate` Hz.
std::vector<float> read_call(const std::string& path, uint32_t rate) {
  const std::string bytes = read(path);
  if (bytes.size() < 12 || bytes.compare(0, 4, "RIFF") != 0 || bytes.compare(8, 4, "WAVE") != 0) {
    fail(path + ": is no WAV file; convert it");
  }
  bool fits = false, sounds = false;
  for (size_t at = 12; at + 8 <= bytes.size();) {
    const std::string kind = bytes.substr(at, 4);
    const size_t size = little_endian(bytes, at + 4, 4);
    at += 8;
    if (kind == "fmt ") {
      const uint32_t tag = little_endian(bytes, at, 2);
      const bool pcm = tag == 1 || (tag == kExtensible && little_endian(bytes, at + 24, 2) == 1);
      fits = pcm && little_endian(bytes, at + 2, 2) == 1 &&
             little_endian(bytes, at + 4, 4) == rate && little_endian(bytes, at + 14, 2) == 16;
    } else if (kind == "data" && fits) {
      // A pipe leaves 0, or more than there is, and half a sample where it broke off.
      const size_t left = bytes.size() - at;
      std::vector<float> samples((size ? std::min(size, left) : left) / 2);
      for (auto& sample : samples) {
        sample = static_cast<int16_t>(little_endian(bytes, at, 2)) / 32768.0f;
        at += 2;
      }
      return samples;
    }
    sounds = sounds || kind == "data";
    at += size + size % 2;
  }
  if (!sounds) fail(path + ": holds no samples; copy it again");
  fail(path + ": is not 16 bits, mono, at " + std::to_string(rate) + " Hz; convert it");
}

// Under a hidden name until it is whole, so that an older file stays if the disk is full.
void write(const std::string& path, const std::string& content) {
  namespace fs = std::filesystem;
  std::error_code none;
  const auto status = fs::status(path, none);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    fail(path + ": is a folder, a device or a pipe; give a file name");
  }
  const std::string part =
      fs::path(path).replace_filename("." + std::to_string(getpid()) + ".stream.part");
  File file(std::fopen(part.c_str(), "wbx"), std::fclose);
  const bool made = file != nullptr;
  if (made && std::fwrite(content.data(), 1, content.size(), file.get()) == content.size() &&
      std::fclose(file.release()) == 0 && std::rename(part.c_str(), path.c_str()) == 0) {
    return;
  }
  const int error = errno;
  if (made) std::remove(part.c_str());
  fail(path + ": cannot be written (" + std::strerror(error) + ")");
}

void write_call(const std::string& path, const std::vector<float>& samples, uint32_t rate) {
  std::string bytes;
  const auto put = [&](uint32_t value, size_t size) {
    for (size_t k = 0; k < size; ++k) bytes.push_back(static_cast<char>(value >> (8 * k)));
  };
  const uint32_t size = 2 * samples.size();
  bytes += "RIFF", put(36 + size, 4), bytes += "WAVEfmt ", put(16, 4), put(1, 2), put(1, 2);
  put(rate, 4), put(2 * rate, 4), put(2, 2), put(16, 2), bytes += "data", put(size, 4);
  for (const float sample : samples) {
    const float rounded = std::nearbyint(sample * 32768.0f);
    put(static_cast<int16_t>(std::clamp(rounded, -32768.0f, 32767.0f)), 2);
  }
  write(path, bytes);
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[std::lround(share * (values.size() - 1))];
}

void report(const Stream& stream, std::vector<double> milliseconds) {
  if (milliseconds.size() > kWarmUp) {
    milliseconds.erase(milliseconds.begin(), milliseconds.begin() + kWarmUp);
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::fprintf(stderr, "latency %g ms; %zu frames of %g ms: p50 %.3f ms, p99 %.3f ms; %.0f MB\n",
               stream.latency_ms, milliseconds.size(), 1000.0 * stream.hop / stream.input_rate,
               percentile(milliseconds, 0.5), percentile(milliseconds, 0.99),
               usage.ru_maxrss / 1024.0);
}

void widen(const std::string& model, const std::string& call, const std::string& wide) {
  Stream stream(model);
  std::vector<float> low = read_call(call, stream.input_rate);
  const size_t samples = low.size();
  // Silence after its end pushes out what is late, and fills the last frame.
  const size_t missing = (stream.late() + stream.ratio - 1) / stream.ratio;
  low.resize((samples + missing + stream.hop - 1) / stream.hop * stream.hop);
  std::vector<float> high;
  std::vector<double> milliseconds;
  for (size_t start = 0; start < low.size(); start += stream.hop) {
    const auto before = std::chrono::steady_clock::now();
    const float* made = stream.push(&low[start]);
    const auto after = std::chrono::steady_clock::now();
    milliseconds.push_back(std::chrono::duration<double, std::milli>(after - before).count());
    high.insert(high.end(), made, made + stream.hop * stream.ratio);
  }
  high.erase(high.begin(), high.begin() + std::min<size_t>(stream.late(), high.size()));
  high.resize(samples * stream.ratio);
  write_call(wide, high, stream.output_rate);
  report(stream, milliseconds);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fprintf(stderr, "usage: %s model.tflite call.wav wide.wav\n", arguments[0]);
    return 2;
  }
  try {
    widen(arguments[1], arguments[2], arguments[3]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
