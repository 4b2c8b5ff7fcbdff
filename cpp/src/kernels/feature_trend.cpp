// Averages of the price and what is built on them.
#include "mettle/features/macd.hpp"
#include "mettle/features/moments.hpp"
#include "mettle/features/moving.hpp"
#include "mettle/features/registry.hpp"

namespace mettle::features {

std::vector<Entry> trend_entries() {
    return {
        {"sma", "sma", 0, 1, make_node<Sma>, nullptr},
        {"ema", "ema", 0, 1, make_node<Ema>, nullptr},
        {"macd", "macd", 0, 3, make_node<Macd>, nullptr},
        {"macd_signal", "macd", 1, 3, make_node<Macd>, nullptr},
        {"macd_histogram", "macd", 2, 3, make_node<Macd>, nullptr},
        {"bollinger_upper", "bollinger", 0, 2, make_node<Bollinger>, nullptr},
        {"bollinger_middle", "bollinger", 1, 2, make_node<Bollinger>, nullptr},
        {"bollinger_lower", "bollinger", 2, 2, make_node<Bollinger>, nullptr},
    };
}

}  // namespace mettle::features
