// The market as Python sees it: data, and a batch of environments.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "market_arguments.hpp"
#include "mettle/market/batch.hpp"

namespace py = pybind11;

namespace mettle::bindings {
namespace {

using market::Batch;
using market::Int;
using market::Table;

constexpr Int kMostFunding = 1'000'000'000;  // ten times the notional in one settlement

template <class T>
py::array view(T* data, std::vector<py::ssize_t> shape, const py::handle& owner,
               const py::dtype& dtype = py::dtype::of<T>()) {
    return py::array(dtype, std::move(shape), data, owner);
}

void check_rows(const Table& table) {
    for (std::size_t k = 0; k < table.price.size(); ++k) {
        const auto [open, close] = table.price[k];
        const auto [high, low] = table.extremes[k];
        if (low < 1 || low > open || low > close || high < open || high < close ||
            table.volume[k] < 0) {
            throw py::value_error("row " + std::to_string(k / table.terms.size()) +
                                  ": needs 1 <= low <= open, close <= high and volume >= 0");
        }
    }
    for (const market::Funding& one : table.funding) {
        if (std::abs(one.at_open) > kMostFunding || std::abs(one.inside) > kMostFunding) {
            throw py::value_error("a funding rate exceeds ten times the notional");
        }
    }
    const int asset = market::unit_overflow(table);
    if (asset >= 0) {
        throw py::value_error("asset " + std::to_string(asset) +
                              ": a price exceeds 10^12 ticks, or one lot is worth more than 64 bits");
    }
}

std::vector<market::Terms> terms_from(const std::vector<std::array<Int, 5>>& rows) {
    std::vector<market::Terms> terms;
    for (const auto& [unit, maker, taker, least, perpetual] : rows) {
        if (unit < 1 || maker < 0 || taker < 0 || maker > market::kRateScale ||
            taker > market::kRateScale || least < 0) {
            throw py::value_error("terms are out of range");
        }
        terms.push_back({unit, maker, taker, least, perpetual != 0});
    }
    return terms;
}

MarketData make_data(const py::dict& arrays, const py::array& features,
                     const std::vector<std::array<Int, 5>>& terms, Int bar_seconds) {
    auto table = std::make_shared<Table>();
    table->terms = terms_from(terms);
    table->bar_seconds = bar_seconds;
    const auto assets = static_cast<py::ssize_t>(terms.size());
    if (assets < 1 || assets > market::kMaxAssets || bar_seconds < 1 || features.ndim() != 2 ||
        features.shape(0) < 2) {
        throw py::value_error("needs 1 to " + std::to_string(market::kMaxAssets) +
                              " assets, at least two bars, and features of shape (bars, width)");
    }
    const py::ssize_t bars = features.shape(0);
    const auto ints = [&](const char* name) {
        return read<Int>(arrays[name].cast<py::array>(), name, {bars, assets});
    };
    const market::PanelArrays panel{
        bars,
        static_cast<int>(assets),
        static_cast<int>(features.shape(1)),
        ints("open"),
        ints("high"),
        ints("low"),
        ints("close"),
        ints("volume"),
        read<std::uint8_t>(arrays["missing"].cast<py::array>(), "missing", {bars, assets}),
        ints("funding_open"),
        ints("funding_inside"),
        read<float>(features, "features", {bars, features.shape(1)}),
    };
    market::fill_table(*table, panel);
    check_rows(*table);
    return {std::move(table)};
}

std::unique_ptr<Batch> make_batch(const MarketData& data, const py::dict& settings,
                                  const py::array& spans, Int environments, std::uint64_t seed,
                                  Int episode_length, Int window, const std::string& mode,
                                  int threads, Int first_environment) {
    return std::make_unique<Batch>(setup_from(data, settings, spans, environments, seed,
                                              episode_length, window, mode, threads,
                                              first_environment));
}

py::dict buffers(const py::object& self, int side) {
    auto& batch = self.cast<Batch&>();
    if (side != 0 && side != 1) throw py::value_error("side must be 0 or 1");
    market::Output& output = batch.output(side);
    const auto count = static_cast<py::ssize_t>(batch.shape().environments);
    const auto flag = py::dtype::of<bool>();
    py::dict found;
    found["observations"] =
        view(output.observations.data(), {count, static_cast<py::ssize_t>(batch.width())}, self);
    found["rewards"] = view(output.rewards.data(), {count}, self);
    found["terminated"] = view(output.terminated.data(), {count}, self, flag);
    found["truncated"] = view(output.truncated.data(), {count}, self, flag);
    found["done"] = view(output.done.data(), {count}, self, flag);
    return found;
}

py::dict finals(const py::object& self) {
    auto& batch = self.cast<Batch&>();
    const auto count = static_cast<py::ssize_t>(batch.shape().environments);
    py::dict found;
    found["observations"] = view(batch.final_observations.data(),
                                 {count, static_cast<py::ssize_t>(batch.width())}, self);
    found["returns"] = view(batch.final_returns.data(), {count}, self);
    found["lengths"] = view(batch.final_lengths.data(), {count}, self);
    found["equity"] = view(batch.final_equity.data(), {count}, self);
    return found;
}

py::array locked(py::array array) {
    array.attr("setflags")(py::arg("write") = false);
    return array;
}

py::dict state(const py::object& self) {
    auto& batch = self.cast<Batch&>();
    const auto count = static_cast<py::ssize_t>(batch.shape().environments);
    const auto assets = static_cast<py::ssize_t>(batch.table().assets);
    py::dict found;
    found["cash"] = locked(view(batch.state.cash.data(), {count}, self));
    found["equity"] = locked(view(batch.state.equity.data(), {count}, self));
    found["bar"] = locked(view(batch.state.bar.data(), {count}, self));
    found["episode"] = locked(view(batch.state.episode.data(), {count}, self));
    found["length"] = locked(view(batch.state.length.data(), {count}, self));
    found["returns"] = locked(view(batch.state.returns.data(), {count}, self));
    found["lots"] = locked(view(batch.state.lots.data(), {count, assets}, self));
    found["basis"] = locked(view(batch.state.basis.data(), {count, assets}, self));
    found["high_water"] = locked(view(batch.state.high_water.data(), {count, assets}, self));
    found["bars_held"] = locked(view(batch.state.bars_held.data(), {count, assets}, self));
    return found;
}

int step_batch(Batch& batch, const py::array& actions) {
    const auto count = static_cast<py::ssize_t>(batch.shape().environments);
    const float* values = read<float>(actions, "actions", {count, batch.table().assets});
    bool exact = false;
    {
        // `actions` is held by the caller's reference, and the batch touches nothing of Python.
        const py::gil_scoped_release released;
        exact = batch.step(values);
    }
    if (!exact) throw std::overflow_error(kOverflow);
    return batch.side();
}

}  // namespace

void register_market(py::module_& module) {
    py::class_<MarketData>(module, "MarketData", "Bars, features and terms, as the step reads them.")
        .def(py::init(&make_data), py::arg("arrays"), py::arg("features"), py::arg("terms"),
             py::arg("bar_seconds"),
             "Copy a panel. `arrays` holds open, high, low, close, volume, funding_open and "
             "funding_inside as int64 and missing as uint8, each (bars, assets); `features` is "
             "float32 (bars, width); `terms` has (unit, maker, taker, min_notional, perpetual) a "
             "row.")
        .def_property_readonly("bars", [](const MarketData& data) { return data.table->bars; })
        .def_property_readonly("assets", [](const MarketData& data) { return data.table->assets; })
        .def_property_readonly("fingerprint",
                               [](const MarketData& data) { return data.table->fingerprint(); });

    py::class_<Batch>(module, "MarketBatch", "Environments that are stepped together.")
        .def(py::init(&make_batch), py::arg("data"), py::arg("settings"), py::arg("spans"),
             py::arg("environments"), py::arg("seed"), py::arg("episode_length"),
             py::arg("window"), py::arg("mode"), py::arg("threads"),
             py::arg("first_environment") = 0)
        .def("buffers", &buffers, py::arg("side"),
             "Return views of what step and reset write when they return `side`.")
        .def("finals", &finals, "Return views of what is kept of finished episodes.")
        .def("state", &state, "Return read-only views of the accounts.")
        .def("reset",
             [](Batch& batch, std::optional<std::uint64_t> seed) {
                 // The batch touches nothing of Python.
                 const py::gil_scoped_release released;
                 if (seed) {
                     batch.reset(*seed);
                 } else {
                     batch.begin_all();
                 }
                 return batch.side();
             },
             py::arg("seed"),
             "Begin the first episode of every environment, or its next one where seed is None; "
             "return the side.")
        .def("step", &step_batch, py::arg("actions"),
             "Advance by one bar and return the side that was written.")
        .def("snapshot", [](const Batch& batch) { return py::bytes(batch.snapshot()); })
        .def("restore",
             [](Batch& batch, const py::bytes& bytes) {
                 const char* why = batch.restore(static_cast<std::string>(bytes));
                 if (why != nullptr) {
                     throw py::value_error(std::string("cannot restore the market: ") + why);
                 }
                 return batch.side();
             },
             py::arg("bytes"))
        .def_property_readonly("width", &Batch::width);
}

}  // namespace mettle::bindings
