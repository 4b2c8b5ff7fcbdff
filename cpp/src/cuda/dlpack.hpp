// Arrays handed to other libraries without a copy, as DLPack has it (https://dmlc.github.io/dlpack).
#pragma once

#include <pybind11/pybind11.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace mettle::cuda {

enum class Kind : std::uint8_t { kInt = 0, kFloat = 2, kBool = 6 };  // DLDataTypeCode

inline constexpr std::int32_t kHostMemory = 1;  // DLDeviceType
inline constexpr std::int32_t kCudaMemory = 2;

// A C-contiguous array, and what keeps it alive.
struct SharedArray {
    std::shared_ptr<const void> owner;
    void* data;
    Kind kind;
    std::uint8_t bits;
    std::vector<std::int64_t> shape;
    std::int32_t device_type;
    std::int32_t device;

    // A "dltensor" capsule; it, and the tensor that is made of it, hold the owner.
    pybind11::capsule capsule() const;
};

// The pointer of a C-contiguous array on a GPU that tells of itself by `__cuda_array_interface__`;
// a TypeError where it is of another type or shape.
const void* device_pointer(const pybind11::object& array, const std::string& name,
                           const std::string& type, const std::vector<std::int64_t>& shape);

}  // namespace mettle::cuda
