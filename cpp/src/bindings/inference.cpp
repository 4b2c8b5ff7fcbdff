#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings.hpp"
#include "mettle/inference/mlp.hpp"

namespace py = pybind11;

namespace mettle::bindings {
namespace {

using inference::Activation;
using inference::DenseLayer;
using inference::Dispatch;
using inference::Mlp;

// Refuses what is not already C-contiguous float32: a silent conversion would hide a mistake and
// allocate on every decision.
const float* floats(const py::array& array, const char* name) {
    if (!py::isinstance<py::array_t<float>>(array) ||
        (array.flags() & py::array::c_style) == 0) {
        throw py::type_error(std::string(name) + " must be a C-contiguous float32 array");
    }
    return static_cast<const float*>(array.data());
}

Dispatch dispatch_named(const std::string& name) {
    Dispatch level = Dispatch::best;
    if (name == "portable") {
        level = Dispatch::portable;
    } else if (name == "avx2") {
        level = Dispatch::avx2;
    } else if (name == "avx512") {
        level = Dispatch::avx512;
    } else if (name != "best") {
        throw py::value_error("dispatch must be best, portable, avx2 or avx512, was " + name);
    }
    if (!inference::supported(level)) {
        throw py::value_error("this machine cannot run dispatch level " + name);
    }
    return level;
}

Mlp make(const std::vector<py::array>& weights, const std::vector<py::array>& biases,
         const std::string& activation, const std::string& dispatch) {
    if (activation != "tanh" && activation != "relu") {
        throw py::value_error("activation must be tanh or relu, was " + activation);
    }
    if (weights.empty() || weights.size() != biases.size()) {
        throw py::value_error("a network needs one bias a weight and at least one layer");
    }
    std::vector<DenseLayer> layers;
    py::ssize_t inputs = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const float* weight = floats(weights[i], "weight");
        const float* bias = floats(biases[i], "bias");
        const bool chained = weights[i].ndim() == 2 && biases[i].ndim() == 1 &&
                             weights[i].size() > 0 && weights[i].shape(0) == biases[i].shape(0) &&
                             (i == 0 || weights[i].shape(1) == inputs) &&
                             weights[i].size() <= (1 << 28);
        if (!chained) {
            throw py::value_error("layer " + std::to_string(i) +
                                  ": weight must be (outputs, inputs) with the previous layer's "
                                  "outputs as inputs, bias (outputs)");
        }
        inputs = weights[i].shape(0);
        layers.push_back({weight, bias, static_cast<int>(inputs)});
    }
    return Mlp(static_cast<int>(weights[0].shape(1)), layers.data(),
               static_cast<int>(layers.size()),
               activation == "tanh" ? Activation::tanh : Activation::relu,
               dispatch_named(dispatch));
}

py::array forward(const Mlp& mlp, const py::array& obs, std::optional<py::array> out) {
    const float* input = floats(obs, "obs");
    const bool batch = obs.ndim() == 2;
    if ((!batch && obs.ndim() != 1) || obs.shape(obs.ndim() - 1) != mlp.input_size()) {
        throw py::value_error("obs must be (" + std::to_string(mlp.input_size()) +
                              ",) or (rows, " + std::to_string(mlp.input_size()) + ")");
    }
    const py::ssize_t rows = batch ? obs.shape(0) : 1;
    if (!out) {
        out = batch ? py::array_t<float>({rows, py::ssize_t{mlp.output_size()}})
                    : py::array_t<float>(mlp.output_size());
    }
    floats(*out, "out");
    const bool fits = out->ndim() == obs.ndim() &&
                      out->shape(out->ndim() - 1) == mlp.output_size() &&
                      (!batch || out->shape(0) == rows);
    if (!fits) throw py::value_error("out must have a row of actions a row of obs");
    auto* actions = static_cast<float*>(out->mutable_data());
    thread_local std::vector<float> scratch;
    scratch.resize(std::max(scratch.size(), mlp.scratch_size()));
    if (!batch) {
        // Half a microsecond: shorter than giving the GIL away and taking it back.
        mlp.forward(input, actions, scratch.data());
    } else {
        // The arrays stay alive through `obs` and `out`; the scratch is this thread's own.
        float* own = scratch.data();
        const py::gil_scoped_release released;
        mlp.forward_batch(input, static_cast<std::size_t>(rows), actions, own);
    }
    return std::move(*out);
}

}  // namespace

void register_inference(py::module_& module) {
    py::class_<Mlp>(module, "Mlp", "A multilayer perceptron whose actions are clipped to [-1, 1].")
        .def(py::init(&make), py::arg("weights"), py::arg("biases"), py::arg("activation") = "tanh",
             py::arg("dispatch") = "best",
             "Copy float32 layers, weight (outputs, inputs) and bias (outputs); the last is "
             "linear.")
        .def_property_readonly("input_size", &Mlp::input_size)
        .def_property_readonly("output_size", &Mlp::output_size)
        .def("forward", &forward, py::arg("obs"), py::arg("out") = py::none(),
             "Write the actions of one row or a batch of float32 observations to out and return "
             "it. The bits are the same for any batch.");
}

}  // namespace mettle::bindings
