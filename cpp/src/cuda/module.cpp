// The module `_cuda`: the market on a GPU, as Python sees it.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>

#include "../bindings/market_arguments.hpp"
#include "device_batch.hpp"
#include "dlpack.hpp"

namespace py = pybind11;

namespace mettle::cuda {
namespace {

using bindings::MarketData;
using market::Int;

cudaStream_t stream_of(std::uintptr_t stream) { return reinterpret_cast<cudaStream_t>(stream); }

std::unique_ptr<DeviceBatch> make_batch(const MarketData& data, const py::dict& settings,
                                        const py::array& spans, Int environments,
                                        std::uint64_t seed, Int episode_length, Int window,
                                        const std::string& mode, Int first_environment, int device) {
    constexpr int kThreads = 1;  // of the host; none of them steps
    auto setup = bindings::setup_from(data, settings, spans, environments, seed, episode_length,
                                      window, mode, kThreads, first_environment);
    return std::make_unique<DeviceBatch>(std::move(setup), device);
}

// One array of a batch; `width` is 0 where it has one entry an environment.
template <class T>
SharedArray shared(const DeviceBatch& batch, T* data, Kind kind, Int width = 0) {
    std::vector<std::int64_t> shape{batch.setup().shape().environments};
    if (width > 0) shape.push_back(width);
    return {batch.arrays(), data, kind, sizeof(T) * 8, std::move(shape),
            kCudaMemory,    batch.arrays()->device()};
}

py::dict buffers(const DeviceBatch& batch) {
    const market::OutputColumns& output = batch.columns().output;
    py::dict found;
    found["observations"] =
        shared(batch, output.observations, Kind::kFloat, batch.setup().world().width);
    found["rewards"] = shared(batch, output.rewards, Kind::kFloat);
    found["terminated"] = shared(batch, output.terminated, Kind::kBool);
    found["truncated"] = shared(batch, output.truncated, Kind::kBool);
    found["done"] = shared(batch, output.done, Kind::kBool);
    return found;
}

py::dict finals(const DeviceBatch& batch) {
    const market::EndColumns& ends = batch.columns().ends;
    py::dict found;
    found["observations"] =
        shared(batch, ends.observations, Kind::kFloat, batch.setup().world().width);
    found["returns"] = shared(batch, ends.returns, Kind::kFloat);
    found["lengths"] = shared(batch, ends.lengths, Kind::kInt);
    found["equity"] = shared(batch, ends.equity, Kind::kInt);
    return found;
}

py::dict state(const DeviceBatch& batch) {
    const market::StateColumns& columns = batch.columns().state;
    const Int assets = batch.setup().table().assets;
    py::dict found;
    found["cash"] = shared(batch, columns.cash, Kind::kInt);
    found["equity"] = shared(batch, columns.equity, Kind::kInt);
    found["bar"] = shared(batch, columns.bar, Kind::kInt);
    found["episode"] = shared(batch, columns.episode, Kind::kInt);
    found["length"] = shared(batch, columns.length, Kind::kInt);
    found["returns"] = shared(batch, columns.returns, Kind::kFloat);
    found["lots"] = shared(batch, columns.lots, Kind::kInt, assets);
    found["basis"] = shared(batch, columns.basis, Kind::kInt, assets);
    found["high_water"] = shared(batch, columns.high_water, Kind::kInt, assets);
    found["bars_held"] = shared(batch, columns.bars_held, Kind::kInt, assets);
    return found;
}

void step(DeviceBatch& batch, const py::object& actions, std::uintptr_t stream) {
    const void* values = device_pointer(
        actions, "actions", "<f4", {batch.setup().shape().environments, batch.setup().table().assets});
    batch.step(static_cast<const float*>(values), stream_of(stream));
}

// The consumer may read on any stream, so that what was queued is finished first; -1 forbids to wait.
py::capsule export_array(const SharedArray& array, const std::optional<std::int64_t>& stream,
                         const py::object&, const std::optional<std::pair<int, int>>& device,
                         const std::optional<bool>& copy) {
    if (copy.value_or(false) || (device && *device != std::pair{array.device_type, array.device})) {
        throw py::buffer_error("the array is shared where it lies, and not copied");
    }
    if (stream.value_or(0) != -1) {
        const OnDevice here(array.device);
        check(cudaDeviceSynchronize(), "waiting for the steps");
    }
    return array.capsule();
}

int device_count() {
    int count = 0;
    check(cudaGetDeviceCount(&count), "looking for GPUs");
    return count;
}

}  // namespace
}  // namespace mettle::cuda

PYBIND11_MODULE(_cuda, module) {
    using namespace mettle::cuda;
    module.doc() = "The market on NVIDIA GPUs.";
    py::module_::import("mettle._native");  // registers MarketData
    py::register_exception<CudaError>(module, "CudaError", PyExc_RuntimeError);
    module.def("device_count", &device_count,
               "Return the number of GPUs; CudaError says why there is none.");

    py::class_<SharedArray>(module, "SharedArray", "An array on a GPU, for `from_dlpack`.")
        .def("__dlpack__", &export_array, py::kw_only(), py::arg("stream") = py::none(),
             py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(),
             py::arg("copy") = py::none())
        .def("__dlpack_device__", [](const SharedArray& array) {
            return std::pair{array.device_type, array.device};
        });

    py::class_<DeviceBatch>(module, "DeviceBatch", "Environments that a GPU steps together.")
        .def(py::init(&make_batch), py::arg("data"), py::arg("settings"), py::arg("spans"),
             py::arg("environments"), py::arg("seed"), py::arg("episode_length"),
             py::arg("window"), py::arg("mode"), py::arg("first_environment"), py::arg("device"))
        .def("buffers", &buffers, "Return what step and reset write.")
        .def("finals", &finals, "Return what is kept of finished episodes.")
        .def("state", &state, "Return the accounts; they are not to be written.")
        .def("reset",
             [](DeviceBatch& batch, std::optional<std::uint64_t> seed, std::uintptr_t stream) {
                 if (seed) {
                     batch.reset(*seed, stream_of(stream));
                 } else {
                     batch.begin_all(stream_of(stream));
                 }
             },
             py::arg("seed"), py::arg("stream"),
             "Begin the first episode of every environment, or its next one where seed is None.")
        .def("step", &step, py::arg("actions"), py::arg("stream"),
             "Queue a step on a stream; actions tell of themselves by __cuda_array_interface__.")
        .def("overflowed",
             [](const DeviceBatch& batch, std::uintptr_t stream) {
                 return batch.overflowed(stream_of(stream));
             },
             py::arg("stream"), "Wait, and return whether an amount left 64 bits.")
        .def("snapshot",
             [](const DeviceBatch& batch, std::uintptr_t stream) {
                 return py::bytes(batch.snapshot(stream_of(stream)));
             },
             py::arg("stream"))
        .def("restore",
             [](DeviceBatch& batch, const py::bytes& bytes, std::uintptr_t stream) {
                 const char* why = batch.restore(static_cast<std::string>(bytes), stream_of(stream));
                 if (why != nullptr) {
                     throw py::value_error(std::string("cannot restore the market: ") + why);
                 }
             },
             py::arg("bytes"), py::arg("stream"))
        .def_property_readonly("width",
                               [](const DeviceBatch& batch) { return batch.setup().world().width; });
}
