// The market as Python sees it: data, a batch of environments, the fast backtest.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <exception>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "bindings.hpp"
#include "mettle/inference/mlp.hpp"
#include "mettle/market/backtest.hpp"
#include "mettle/market/batch.hpp"
#include "mettle/market/step.hpp"

namespace py = pybind11;

namespace mettle::bindings {
namespace {

using market::Batch;
using market::BatchShape;
using market::Int;
using market::Settings;
using market::Table;

constexpr const char* kOverflow =
    "a notional, cash or equity left 64 bits; use a coarser lot or tick, or less starting cash";
constexpr Int kMostFunding = 1'000'000'000;  // ten times the notional in one settlement

// The pointer of a C-contiguous array of exactly that type and shape; nothing is converted.
template <class T>
const T* read(const py::array& array, const std::string& name, std::vector<py::ssize_t> shape) {
    const std::vector<py::ssize_t> found(array.shape(), array.shape() + array.ndim());
    if (!py::isinstance<py::array_t<T>>(array) || (array.flags() & py::array::c_style) == 0 ||
        found != shape) {
        std::string wanted;
        for (const py::ssize_t one : shape) wanted += std::to_string(one) + ", ";
        throw py::type_error(name + " must be a C-contiguous " +
                             py::str(py::dtype::of<T>()).cast<std::string>() +
                             " array of shape (" + wanted + ")");
    }
    return static_cast<const T*>(array.data());
}

template <class T>
py::array view(T* data, std::vector<py::ssize_t> shape, const py::handle& owner,
               const py::dtype& dtype = py::dtype::of<T>()) {
    return py::array(dtype, std::move(shape), data, owner);
}

Settings settings_from(const py::dict& values) {
    Settings settings{};
    std::size_t known = 0;
    market::each_setting(settings, [&](const char* name, auto& value) {
        using Value = std::remove_reference_t<decltype(value)>;
        if (!values.contains(name)) {
            throw py::value_error(std::string("the setting ") + name + " is not given");
        }
        const Int given = values[name].cast<Int>();
        if (given < 0) throw py::value_error(std::string("the setting ") + name + " is negative");
        value = static_cast<Value>(given);
        ++known;
    });
    if (known != values.size()) throw py::value_error("an unknown setting was given");
    if (settings.leverage < 1 || settings.maker_wait < 1 || settings.reward_halflife < 1 ||
        settings.leverage > 125 || settings.slippage >= market::kRateScale) {
        throw py::value_error("leverage, maker_wait, reward_halflife or slippage is out of range");
    }
    market::derive(settings);
    return settings;
}

struct MarketData {
    std::shared_ptr<const Table> table;
};

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

std::vector<market::Span> spans_from(const py::array& array, const Table& table, Int window) {
    const py::ssize_t count = array.ndim() == 2 ? array.shape(0) : 0;
    const Int* rows = read<Int>(array, "spans", {count, 3});
    std::vector<market::Span> spans;
    for (py::ssize_t k = 0; k < count; ++k) {
        const market::Span span{rows[3 * k], rows[3 * k + 1], rows[3 * k + 2]};
        if (span.first < window - 1 || span.first >= span.stop || span.stop > span.last ||
            span.last >= table.bars) {
            throw py::value_error("span " + std::to_string(k) +
                                  " needs window - 1 <= first < stop <= last < bars");
        }
        spans.push_back(span);
    }
    if (spans.empty()) throw py::value_error("there is no bar at which an episode may start");
    return spans;
}

market::Mode mode_named(const std::string& name) {
    if (name == "flat") return market::Mode::kFlat;
    if (name == "window") return market::Mode::kWindow;
    if (name == "index") return market::Mode::kIndex;
    throw py::value_error("mode must be flat, window or index, was " + name);
}

std::unique_ptr<Batch> make_batch(const MarketData& data, const py::dict& settings,
                                  const py::array& spans, Int environments, std::uint64_t seed,
                                  Int episode_length, Int window, const std::string& mode,
                                  int threads, Int first_environment) {
    const Table& table = *data.table;
    if (environments < 1 || episode_length < 0 || window < 1 || threads < 1 || threads > 1024 ||
        first_environment < 0) {
        throw py::value_error(
            "needs environments, window and threads >= 1, episode_length and first_environment >= 0");
    }
    const BatchShape shape{environments, first_environment, seed,   episode_length,
                           window,       mode_named(mode),  threads};
    return std::make_unique<Batch>(data.table, settings_from(settings), shape,
                                   spans_from(spans, table, window));
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
    found["cash"] = locked(view(batch.cash.data(), {count}, self));
    found["equity"] = locked(view(batch.equity.data(), {count}, self));
    found["bar"] = locked(view(batch.bar.data(), {count}, self));
    found["episode"] = locked(view(batch.episode.data(), {count}, self));
    found["length"] = locked(view(batch.length.data(), {count}, self));
    found["returns"] = locked(view(batch.returns.data(), {count}, self));
    found["lots"] = locked(view(batch.lots.data(), {count, assets}, self));
    found["basis"] = locked(view(batch.basis.data(), {count, assets}, self));
    found["high_water"] = locked(view(batch.high_water.data(), {count, assets}, self));
    found["bars_held"] = locked(view(batch.bars_held.data(), {count, assets}, self));
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

// Decides with the network, without Python.
class NetworkDecider final : public market::Decider {
public:
    explicit NetworkDecider(const inference::Mlp& mlp)
        : mlp_(mlp), scratch_(mlp.scratch_size()) {}
    bool decide(Int, const float* observation, float* actions) override {
        mlp_.forward(observation, actions, scratch_.data());
        return true;
    }

private:
    const inference::Mlp& mlp_;
    std::vector<float> scratch_;
};

// Decides with a Python callable of (bar, portfolio) that returns float32 actions. What it raises
// waits here until the kernel has returned.
class CallableDecider final : public market::Decider {
public:
    CallableDecider(py::function function, int assets)
        : function_(std::move(function)), assets_(assets) {}
    bool wants_features() const override { return false; }
    bool decide(Int bar, const float* observation, float* actions) override {
        try {
            const py::array_t<float> portfolio(market::portfolio_width(assets_), observation);
            const py::object answer = function_(bar, portfolio);
            if (!py::isinstance<py::array>(answer)) throw py::type_error("a decision is an array");
            const float* values = read<float>(answer.cast<py::array>(), "the decision", {assets_});
            std::copy_n(values, assets_, actions);
            return true;
        } catch (...) {
            raised_ = std::current_exception();
            return false;
        }
    }
    void rethrow() const {
        if (raised_) std::rethrow_exception(raised_);
    }

private:
    std::exception_ptr raised_;
    py::function function_;
    int assets_;
};

using Decision = std::variant<const inference::Mlp*, py::array, py::function>;

py::dict run_backtest(const MarketData& data, const py::dict& settings_dict, Int start, Int stop,
                      Int window, const Decision& decision) {
    const Table& table = *data.table;
    const Settings settings = settings_from(settings_dict);
    if (start < 0 || stop > table.bars || start > stop - 2 || window < 1 || start < window - 1) {
        throw py::value_error("needs window - 1 <= start <= stop - 2 and stop <= bars");
    }
    const auto* network = std::get_if<const inference::Mlp*>(&decision);
    if (network != nullptr && *network == nullptr) throw py::type_error("a decision is needed");
    const py::ssize_t marks = stop - start;
    const py::ssize_t assets = table.assets;
    py::array_t<Int> equity(marks);
    py::array_t<Int> cash(marks);
    py::array_t<Int> lots({marks, assets});
    py::array_t<Int> funding({marks - 1, assets});
    py::array_t<float> actions({marks - 1, assets});
    market::BacktestOutput output{equity.mutable_data(),
                                  cash.mutable_data(),
                                  lots.mutable_data(),
                                  actions.mutable_data(),
                                  funding.mutable_data(),
                                  {},
                                  -1};
    market::Lines<market::Wait> waits;
    if (settings.execution == market::Execution::kMaker) {
        waits = market::interpolate_waits(table, settings.maker_wait);
    }
    const market::Market market = table.view(waits.empty() ? nullptr : waits.data());
    market::Ending ending{};
    if (const auto* function = std::get_if<py::function>(&decision)) {
        CallableDecider decider(*function, table.assets);
        ending = market::run_backtest(market, settings, start, stop, window, &decider, output);
        decider.rethrow();
    } else if (const auto* given = std::get_if<py::array>(&decision)) {
        const float* values = read<float>(*given, "actions", {marks - 1, assets});
        std::copy_n(values, (marks - 1) * assets, output.actions);
        // All arrays are owned by this frame, and the run touches nothing of Python.
        const py::gil_scoped_release released;
        ending = market::run_backtest(market, settings, start, stop, window, nullptr, output);
    } else {
        const inference::Mlp& mlp = **network;
        const Int wanted = market::observation_width(market, market::Mode::kWindow, window);
        if (mlp.input_size() != wanted || mlp.output_size() != table.assets) {
            throw py::value_error("the network takes " + std::to_string(mlp.input_size()) +
                                  " values, the observation has " + std::to_string(wanted));
        }
        NetworkDecider decider(mlp);
        // As above; the network is immutable and held by the caller.
        const py::gil_scoped_release released;
        ending = market::run_backtest(market, settings, start, stop, window, &decider, output);
    }
    if (ending == market::Ending::kOverflow) throw std::overflow_error(kOverflow);
    py::dict found;
    found["equity"] = equity;
    found["cash"] = cash;
    found["lots"] = lots;
    found["actions"] = actions;
    found["funding"] = funding;
    found["fills"] = py::bytes(reinterpret_cast<const char*>(output.fills.data()),
                               output.fills.size() * sizeof(market::Fill));
    found["ruined_at"] = output.ruined_at;
    return found;
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

    module.def("run_backtest", &run_backtest, py::arg("data"), py::arg("settings"),
               py::arg("start"), py::arg("stop"), py::arg("window"), py::arg("decision"),
               "Play one account over [start, stop); `decision` is an Mlp, float32 actions of "
               "shape (stop - start - 1, assets), or a callable of (bar, portfolio).");
}

}  // namespace mettle::bindings
