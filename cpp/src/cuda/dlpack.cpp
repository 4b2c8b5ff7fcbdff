#include "dlpack.hpp"

#include <pybind11/stl.h>

#include <utility>

namespace py = pybind11;

namespace mettle::cuda {
namespace {

// The structs of DLPack's ABI before versions, which every consumer takes.
struct DLDevice {
    std::int32_t device_type;
    std::int32_t device_id;
};

struct DLDataType {
    std::uint8_t code;
    std::uint8_t bits;
    std::uint16_t lanes;
};

struct DLTensor {
    void* data;
    DLDevice device;
    std::int32_t ndim;
    DLDataType dtype;
    std::int64_t* shape;
    std::int64_t* strides;
    std::uint64_t byte_offset;
};

struct DLManagedTensor {
    DLTensor dl_tensor;
    void* manager_ctx;
    void (*deleter)(DLManagedTensor*);
};

// What a capsule holds until its consumer lets go.
struct Held {
    SharedArray array;
    std::vector<std::int64_t> strides;
    DLManagedTensor tensor{};
};

constexpr const char* kName = "dltensor";  // a consumer renames the capsule that it has taken

void release(DLManagedTensor* tensor) { delete static_cast<Held*>(tensor->manager_ctx); }

void release_capsule(PyObject* capsule) {
    if (PyCapsule_IsValid(capsule, kName) == 0) return;
    release(static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule, kName)));
}

}  // namespace

py::capsule SharedArray::capsule() const {
    auto held = std::make_unique<Held>(Held{*this, std::vector<std::int64_t>(shape.size(), 1)});
    for (std::size_t k = shape.size(); k > 1; --k) {
        held->strides[k - 2] = held->strides[k - 1] * shape[k - 1];
    }
    held->tensor = {{data,
                     {device_type, device},
                     static_cast<std::int32_t>(shape.size()),
                     {static_cast<std::uint8_t>(kind), bits, 1},
                     held->array.shape.data(),
                     held->strides.data(),
                     0},
                    held.get(),
                    &release};
    PyObject* found = PyCapsule_New(&held->tensor, kName, &release_capsule);
    if (found == nullptr) throw py::error_already_set();
    static_cast<void>(held.release());  // the capsule's now
    return py::reinterpret_steal<py::capsule>(found);
}

const void* device_pointer(const py::object& array, const std::string& name,
                           const std::string& type, const std::vector<std::int64_t>& shape) {
    const std::string wanted = name + " must be a C-contiguous array on the GPU, of type " + type +
                               " and shape " + py::str(py::tuple(py::cast(shape))).cast<std::string>();
    if (!py::hasattr(array, "__cuda_array_interface__")) throw py::type_error(wanted);
    const py::dict told = array.attr("__cuda_array_interface__");
    const bool contiguous = !told.contains("strides") || told["strides"].is_none();
    if (!contiguous || told["typestr"].cast<std::string>() != type ||
        told["shape"].cast<std::vector<std::int64_t>>() != shape) {
        throw py::type_error(wanted);
    }
    const auto address = told["data"].cast<py::tuple>()[0].cast<std::uintptr_t>();
    return reinterpret_cast<const void*>(address);
}

}  // namespace mettle::cuda
