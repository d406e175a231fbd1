// What stream.cc uses of LiteRT's C API (github.com/google-ai-edge/LiteRT), for LiteRT 2.2 and 2.3.
//
// The package ai-edge-litert has libLiteRt.so and no headers. Each part names the header that it is
// declared in. Handles are pointers to types that nobody sees.

#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {
// litert/c/litert_common.h
using LiteRtStatus = int;  // an enum; 0 is success
// litert/c/litert_layout.h and litert_model_types.h, which call it stable
struct LiteRtLayout {
  unsigned int rank : 7;
  bool has_strides : 1;
  int32_t dimensions[8];
  uint32_t strides[8];
};
struct LiteRtRankedTensorType {
  int element_type;  // an enum
  LiteRtLayout layout;
};
static_assert(sizeof(LiteRtRankedTensorType) == 72);
// litert/c/litert_any.h, litert_environment_options.h and litert_environment.h
struct LiteRtAny {
  int type;  // an enum
  int64_t int_value;
};
struct LiteRtEnvOption {
  int tag;  // an enum
  LiteRtAny value;
};
static_assert(sizeof(LiteRtEnvOption) == 24);
LiteRtStatus LiteRtCreateEnvironment(int, const LiteRtEnvOption*, struct LiteRtEnvironmentT**);
void LiteRtDestroyEnvironment(LiteRtEnvironmentT*);
// litert/c/litert_model.h; up to LiteRT 2.1 a model was created without the environment
LiteRtStatus LiteRtCreateModelFromFile(LiteRtEnvironmentT*, const char*, struct LiteRtModelT**);
void LiteRtDestroyModel(LiteRtModelT*);
LiteRtStatus LiteRtGetModelMetadata(LiteRtModelT*, const char* key, const void**, size_t*);
LiteRtStatus LiteRtGetNumModelSignatures(LiteRtModelT*, size_t*);
LiteRtStatus LiteRtGetModelSignature(LiteRtModelT*, size_t, struct LiteRtSignatureT**);
LiteRtStatus LiteRtGetSignatureKey(LiteRtSignatureT*, const char**);
LiteRtStatus LiteRtGetNumSignatureInputs(LiteRtSignatureT*, size_t*);
LiteRtStatus LiteRtGetNumSignatureOutputs(LiteRtSignatureT*, size_t*);
LiteRtStatus LiteRtGetSignatureInputName(LiteRtSignatureT*, size_t, const char**);
LiteRtStatus LiteRtGetSignatureOutputName(LiteRtSignatureT*, size_t, const char**);
LiteRtStatus LiteRtGetSignatureInputTensorByIndex(LiteRtSignatureT*, size_t,
                                                  struct LiteRtTensorT**);
LiteRtStatus LiteRtGetSignatureOutputTensorByIndex(LiteRtSignatureT*, size_t, LiteRtTensorT**);
LiteRtStatus LiteRtGetRankedTensorType(LiteRtTensorT*, LiteRtRankedTensorType*);
// litert/c/litert_options.h
LiteRtStatus LiteRtCreateOptions(struct LiteRtOptionsT**);
void LiteRtDestroyOptions(LiteRtOptionsT*);
LiteRtStatus LiteRtSetOptionsHardwareAccelerators(LiteRtOptionsT*, int);
// litert/c/litert_compiled_model.h
LiteRtStatus LiteRtCreateCompiledModel(LiteRtEnvironmentT*, LiteRtModelT*, LiteRtOptionsT*,
                                       struct LiteRtCompiledModelT**);
void LiteRtDestroyCompiledModel(LiteRtCompiledModelT*);
LiteRtStatus LiteRtRunCompiledModel(LiteRtCompiledModelT*, size_t signature, size_t,
                                    struct LiteRtTensorBufferT** inputs, size_t,
                                    LiteRtTensorBufferT** outputs);
// litert/c/litert_tensor_buffer.h
LiteRtStatus LiteRtCreateTensorBufferFromHostMemory(const LiteRtRankedTensorType*, void*, size_t,
                                                    void (*)(void*), LiteRtTensorBufferT**);
void LiteRtDestroyTensorBuffer(LiteRtTensorBufferT*);
}
