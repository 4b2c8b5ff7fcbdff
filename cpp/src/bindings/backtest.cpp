// The fast backtest as Python sees it.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "bindings.hpp"
#include "market_arguments.hpp"
#include "mettle/inference/mlp.hpp"
#include "mettle/market/backtest.hpp"
#include "result_memory.hpp"

namespace py = pybind11;

namespace mettle::bindings {
namespace {

using market::Int;
using market::Settings;
using market::Table;

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

// The series of a run, side by side in one piece of memory if they are long.
class Series {
public:
    Series(py::ssize_t marks, py::ssize_t assets)
        : memory_(result_memory(static_cast<std::size_t>(marks) *
                                (2 * sizeof(Int) + static_cast<std::size_t>(assets) *
                                                       (2 * sizeof(Int) + sizeof(float))))) {}

    // The next one; the widest entries first, so that all are aligned.
    template <class T>
    py::array_t<T> take(const std::vector<py::ssize_t>& shape) {
        if (memory_.first == nullptr) return py::array_t<T>(shape);
        auto* const values = reinterpret_cast<T*>(memory_.first);
        const py::array_t<T> array(shape, values, memory_.owner);
        memory_.first += array.nbytes();
        return array;
    }

private:
    ResultMemory memory_;
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
    Series series(marks, assets);
    py::array_t<Int> equity = series.take<Int>({marks});
    py::array_t<Int> cash = series.take<Int>({marks});
    py::array_t<Int> lots = series.take<Int>({marks, assets});
    py::array_t<Int> funding = series.take<Int>({marks - 1, assets});
    py::array_t<float> actions = series.take<float>({marks - 1, assets});
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

void register_backtest(py::module_& module) {
    module.def("run_backtest", &run_backtest, py::arg("data"), py::arg("settings"),
               py::arg("start"), py::arg("stop"), py::arg("window"), py::arg("decision"),
               "Play one account over [start, stop); `decision` is an Mlp, float32 actions of "
               "shape (stop - start - 1, assets), or a callable of (bar, portfolio).");
}

}  // namespace mettle::bindings
