#include "market_arguments.hpp"

#include <stdexcept>
#include <type_traits>

namespace py = pybind11;

namespace mettle::bindings {
namespace {

using market::Int;
using market::Settings;
using market::Table;

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

}  // namespace

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

market::BatchSetup setup_from(const MarketData& data, const py::dict& settings,
                              const py::array& spans, Int environments, std::uint64_t seed,
                              Int episode_length, Int window, const std::string& mode, int threads,
                              Int first_environment) {
    if (environments < 1 || episode_length < 0 || window < 1 || threads < 1 || threads > 1024 ||
        first_environment < 0) {
        throw py::value_error(
            "needs environments, window and threads >= 1, episode_length and first_environment >= 0");
    }
    const market::BatchShape shape{environments, first_environment, seed,   episode_length,
                                   window,       mode_named(mode),  threads};
    return {data.table, settings_from(settings), shape, spans_from(spans, *data.table, window)};
}

}  // namespace mettle::bindings
