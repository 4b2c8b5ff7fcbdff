// What the bindings of the market share: arrays, settings and the data object.
#pragma once

#include <pybind11/numpy.h>

#include <memory>
#include <string>
#include <vector>

#include "mettle/market/batch_setup.hpp"

namespace mettle::bindings {

inline constexpr const char* kOverflow =
    "a notional, cash or equity left 64 bits; use a coarser lot or tick, or less starting cash";

struct MarketData {
    std::shared_ptr<const market::Table> table;
};

// The settings by name, all of them and no others; std::invalid_argument where one is out of the
// range that the step relies on (the Python class checks the narrower ranges that make sense).
market::Settings settings_from(const pybind11::dict& values);

// What a batch plays, checked; std::invalid_argument or a TypeError where an argument does not fit.
market::BatchSetup setup_from(const MarketData& data, const pybind11::dict& settings,
                              const pybind11::array& spans, market::Int environments,
                              std::uint64_t seed, market::Int episode_length, market::Int window,
                              const std::string& mode, int threads, market::Int first_environment);

// The pointer of a C-contiguous array of exactly that type and shape; nothing is converted.
template <class T>
const T* read(const pybind11::array& array, const std::string& name, std::vector<pybind11::ssize_t> shape) {
    const std::vector<pybind11::ssize_t> found(array.shape(), array.shape() + array.ndim());
    if (!pybind11::isinstance<pybind11::array_t<T>>(array) || (array.flags() & pybind11::array::c_style) == 0 ||
        found != shape) {
        std::string wanted;
        for (const pybind11::ssize_t one : shape) wanted += std::to_string(one) + ", ";
        throw pybind11::type_error(name + " must be a C-contiguous " +
                             pybind11::str(pybind11::dtype::of<T>()).cast<std::string>() +
                             " array of shape (" + wanted + ")");
    }
    return static_cast<const T*>(array.data());
}

}  // namespace mettle::bindings
