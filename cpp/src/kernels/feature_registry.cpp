// The list of all features, and the kernels behind them.
#include "feature_levels.hpp"
#include "mettle/features/engine.hpp"
#include "mettle/features/registry.hpp"

namespace mettle::features {
namespace {

constexpr Entry kEntries[] = {
    {"sma", "sma", 0, 1, nullptr},
    {"ema", "ema", 0, 1, nullptr},
    {"macd", "macd", 0, 3, nullptr},
    {"macd_signal", "macd", 1, 3, nullptr},
    {"macd_histogram", "macd", 2, 3, nullptr},
    {"bollinger_upper", "bollinger", 0, 2, nullptr},
    {"bollinger_middle", "bollinger", 1, 2, nullptr},
    {"bollinger_lower", "bollinger", 2, 2, nullptr},
    {"rsi", "rsi", 0, 1, nullptr},
    {"price_change", "price_change", 0, 0, nullptr},
    {"close_open", "close_open", 0, 0, nullptr},
    {"log_return", "log_return", 0, 1, nullptr},
    {"momentum", "momentum", 0, 1, nullptr},
    {"roc", "roc", 0, 1, nullptr},
    {"z_score", "z_score", 0, 1, nullptr},
    {"stochastic_k", "stochastic_k", 0, 2, nullptr},
    {"stochastic_d", "stochastic_d", 0, 3, nullptr},
    {"atr", "atr", 0, 1, nullptr},
    {"true_range", "true_range", 0, 0, nullptr},
    {"high_low_range", "high_low_range", 0, 0, nullptr},
    {"rolling_std", "rolling_std", 0, 1, nullptr},
    {"realised_volatility", "realised_volatility", 0, 1, nullptr},
    {"parkinson", "parkinson", 0, 1, nullptr},
    {"garman_klass", "garman_klass", 0, 1, nullptr},
    {"volume_sma", "volume_sma", 0, 1, nullptr},
    {"volume_change", "volume_change", 0, 0, nullptr},
    {"volume_ratio", "volume_ratio", 0, 1, nullptr},
    {"money_flow", "money_flow", 0, 1, nullptr},
    {"vwap_distance", "vwap_distance", 0, 1, nullptr},
    {"hour_sin", "day_circle", 0, 0, nullptr},
    {"hour_cos", "day_circle", 1, 0, nullptr},
    {"day_sin", "week_circle", 0, 0, nullptr},
    {"day_cos", "week_circle", 1, 0, nullptr},
    {"relative_strength", "cross_return", 0, 1, make_cross_return},
    {"cross_rank", "cross_return", 1, 1, make_cross_return},
    {"correlation_to_mean", "cross_moments", 0, 1, make_cross_moments},
    {"beta_to_mean", "cross_moments", 1, 1, make_cross_moments},
};

const Family* families(Level level) {
#if defined(__x86_64__)
    if (level == Level::avx2 || (level == Level::best && supported(Level::avx2)))
        return families_avx2();
#else
    static_cast<void>(level);
#endif
    return families_portable();
}

}  // namespace

bool supported(Level level) {
#if defined(__x86_64__)
    if (level == Level::avx2) return __builtin_cpu_supports("avx2") != 0;
#endif
    return level != Level::avx2;
}

std::span<const Entry> entries() {
    return kEntries;
}

Program program(const std::string& family, const int* parameters, Form form, Level level) {
    const Family* one = families(level);
    while (family != one->name) ++one;  // every entry has its family: a test builds them all
    return one->make(parameters, form);
}

std::vector<KernelName> kernel_names() {
    std::vector<KernelName> names;
    for (const Entry& entry : kEntries) names.push_back({entry.name, entry.parameters});
    return names;
}

}  // namespace mettle::features
