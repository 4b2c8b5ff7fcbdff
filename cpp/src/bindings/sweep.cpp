// Sweeps over the parameters of a rule as Python sees them.
#include <pybind11/numpy.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "market_arguments.hpp"
#include "mettle/market/sweep.hpp"

namespace py = pybind11;

namespace mettle::bindings {
namespace {

using market::Int;
using market::LaneLevel;

const std::map<std::string, LaneLevel> kLevels{{"best", LaneLevel::kBest},
                                           {"portable", LaneLevel::kPortable},
                                           {"avx2", LaneLevel::kAvx2},
                                           {"avx512", LaneLevel::kAvx512}};

py::list sweep_levels() {
    py::list names;
    for (const auto& [name, level] : kLevels) {
        if (market::supported(level)) names.append(name);
    }
    return names;
}

LaneLevel level_named(const std::string& name) {
    const auto found = kLevels.find(name);
    if (found == kLevels.end() || !market::supported(found->second)) {
        throw py::value_error("this machine has no level " + name);
    }
    return found->second;
}

std::vector<market::EmaPair> pairs_from(const py::array& array, Int warm) {
    const py::ssize_t count = array.ndim() == 2 ? array.shape(0) : 0;
    const auto* rows = read<std::int32_t>(array, "pairs", {count, 2});
    std::vector<market::EmaPair> pairs;
    for (py::ssize_t k = 0; k < count; ++k) {
        const market::EmaPair pair{rows[2 * k], rows[2 * k + 1]};
        if (pair.fast < 1 || pair.slow < 1 || pair.fast > warm || pair.slow > warm) {
            throw py::value_error("pair " + std::to_string(k) + " must lie in 1 ... " +
                                  std::to_string(warm) + ", the bars up to start");
        }
        pairs.push_back(pair);
    }
    if (pairs.empty()) throw py::value_error("there is no pair to play");
    return pairs;
}

py::dict sweep_ema_cross(const MarketData& data, const py::dict& settings_dict,
                         const py::array& pairs, Int start, Int stop, double tick,
                         bool allow_short, const std::string& level, int threads) {
    const market::Table& table = *data.table;
    const market::Settings settings = settings_from(settings_dict);
    if (table.assets != 1) throw py::value_error("a sweep plays one asset");
    if (start < 0 || stop > table.bars || start > stop - 2 || threads < 1 || threads > 1024 ||
        !(tick > 0.0)) {
        throw py::value_error("needs 0 <= start <= stop - 2, stop <= bars, threads and tick > 0");
    }
    Int warm = start + 1;
    for (Int t = 0; t <= start && !table.missing.empty(); ++t) {
        warm -= table.missing[static_cast<std::size_t>(t)] != 0;
    }
    const std::vector<market::EmaPair> rows = pairs_from(pairs, warm);
    const auto count = static_cast<Int>(rows.size());
    py::array_t<Int> equity(count), fees(count), fills(count), ruined_at(count);
    py::array_t<double> turnover(count), mean(count), deviation(count), drawdown(count);
    market::SweepOutput output{equity.mutable_data(),    fees.mutable_data(),
                               fills.mutable_data(),     ruined_at.mutable_data(),
                               turnover.mutable_data(),  mean.mutable_data(),
                               deviation.mutable_data(), drawdown.mutable_data()};
    market::Lines<market::Wait> waits;
    if (settings.execution == market::Execution::kMaker) {
        waits = market::interpolate_waits(table, settings.maker_wait);
    }
    const market::Market market = table.view(waits.empty() ? nullptr : waits.data());
    const market::SweepPlan plan{rows.data(), count,       start,              stop,
                                 tick,        allow_short, level_named(level), threads};
    Int failed = -1;
    {
        // All arrays are owned by this frame, and the run touches nothing of Python.
        const py::gil_scoped_release released;
        failed = market::run_sweep(market, settings, plan, output);
    }
    if (failed >= 0) {
        throw std::overflow_error("pair " + std::to_string(failed) + ": " + kOverflow);
    }
    py::dict found;
    found["equity"] = equity;
    found["fees"] = fees;
    found["fills"] = fills;
    found["ruined_at"] = ruined_at;
    found["turnover"] = turnover;
    found["mean"] = mean;
    found["deviation"] = deviation;
    found["drawdown"] = drawdown;
    return found;
}

}  // namespace

void register_sweep(py::module_& module) {
    module.def("sweep_levels", &sweep_levels,
               "Return the names of the sets of instructions that a sweep can use here.");
    module.def("sweep_ema_cross", &sweep_ema_cross, py::arg("data"), py::arg("settings"),
               py::arg("pairs"), py::arg("start"), py::arg("stop"), py::arg("tick"),
               py::arg("allow_short") = false, py::arg("level") = "best", py::arg("threads") = 1,
               "Play the EMA cross of every row (fast, slow) of `pairs`, int32, over bars "
               "[start, stop); figures come one entry a pair.");
}

}  // namespace mettle::bindings
