// How far the price has moved, and where it stands in its range.
#include "mettle/features/change.hpp"
#include "mettle/features/moments.hpp"
#include "mettle/features/registry.hpp"
#include "mettle/features/rsi.hpp"
#include "mettle/features/stochastic.hpp"

namespace mettle::features {

std::vector<Entry> momentum_entries() {
    return {
        {"rsi", "rsi", 0, 1, make_node<Rsi>, nullptr},
        {"price_change", "price_change", 0, 0, make_node<PriceChange>, nullptr},
        {"close_open", "close_open", 0, 0, make_node<CloseOpen>, nullptr},
        {"log_return", "log_return", 0, 1, make_node<LogReturn>, nullptr},
        {"momentum", "momentum", 0, 1, make_node<Momentum>, nullptr},
        {"roc", "roc", 0, 1, make_node<RateOfChange>, nullptr},
        {"z_score", "z_score", 0, 1, make_node<ZScore>, nullptr},
        {"stochastic_k", "stochastic_k", 0, 2, make_node<StochasticK>, nullptr},
        {"stochastic_d", "stochastic_d", 0, 3, make_node<StochasticD>, nullptr},
    };
}

}  // namespace mettle::features
