// How wide the price moves.
#include "mettle/features/moments.hpp"
#include "mettle/features/range.hpp"
#include "mettle/features/registry.hpp"
#include "mettle/features/volatility.hpp"

namespace mettle::features {

std::vector<Entry> volatility_entries() {
    return {
        {"atr", "atr", 0, 1, make_node<Atr>, nullptr},
        {"true_range", "true_range", 0, 0, make_node<TrueRange>, nullptr},
        {"high_low_range", "high_low_range", 0, 0, make_node<HighLowRange>, nullptr},
        {"rolling_std", "rolling_std", 0, 1, make_node<RollingStd>, nullptr},
        {"realised_volatility", "realised_volatility", 0, 1, make_node<RealisedVolatility>,
         nullptr},
        {"parkinson", "parkinson", 0, 1, make_node<Parkinson>, nullptr},
        {"garman_klass", "garman_klass", 0, 1, make_node<GarmanKlass>, nullptr},
    };
}

}  // namespace mettle::features
