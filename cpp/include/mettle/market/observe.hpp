// What the agent sees at the close of bar t.
#pragma once

#include <cstring>

#include "account.hpp"

namespace mettle::market {

enum class Mode : int { kFlat = 0, kWindow = 1, kIndex = 2 };

inline constexpr Int kIndexBase = 4096;  // both parts of an index are exact in float32

METTLE_HD int portfolio_width(int assets) { return 1 + 3 * assets; }

METTLE_HD Int observation_width(const Market& market, Mode mode, Int window) {
    const Int portfolio = portfolio_width(market.assets);
    if (mode == Mode::kIndex) return portfolio + 2;
    return portfolio + (mode == Mode::kWindow ? window : 1) * market.feature_width;
}

// [cash / E, then weight, unrealised return and bars held / 100 of each asset]; zeros if E <= 0.
METTLE_HD void observe_portfolio(const Market& market, const Account& account, Int t, float* out) {
    const int assets = market.assets;
    const Price* price = market.price + t * assets;
    if (account.equity <= 0) {
        for (int k = 0; k < portfolio_width(assets); ++k) out[k] = 0.0F;
        return;
    }
    const auto equity = static_cast<double>(account.equity);
    out[0] = static_cast<float>(static_cast<double>(account.cash) / equity);
    for (int i = 0; i < assets; ++i) {
        float* entry = out + 1 + Int{3} * i;
        const Int lots = account.lots[i];
        const Int basis = account.basis[i];
        // The mark has told if it left int64; unsigned, it has then no meaning, but is no error here.
        const std::uint64_t worth = static_cast<std::uint64_t>(lots) *
                                    static_cast<std::uint64_t>(price[i].close * market.terms[i].unit);
        const auto value = static_cast<Int>(worth);
        const auto cost = static_cast<std::uint64_t>(lots < 0 ? -basis : basis);
        // No branch: whether a position is open is not to be guessed. Without basis 0 / 1.
        const Int gain = basis == 0 ? 0 : static_cast<Int>(worth - cost);
        const Int base = basis == 0 ? 1 : basis;
        entry[0] = static_cast<float>(static_cast<double>(value) / equity);
        entry[1] = static_cast<float>(static_cast<double>(gain) / static_cast<double>(base));
        entry[2] = static_cast<float>(static_cast<double>(account.bars_held[i]) / 100.0);
    }
}

// The two parts of a bar's number.
METTLE_HD float index_part(Int t, Int part) {
    return static_cast<float>(part == 0 ? t / kIndexBase : t % kIndexBase);
}

// The rows that follow the portfolio at bar t, one after another; a window needs window - 1 before it.
METTLE_HD const float* feature_rows(const Market& market, Mode mode, Int window, Int t) {
    const Int rows = mode == Mode::kWindow ? window : 1;
    return market.features + (t + 1 - rows) * market.feature_width;
}

// The part after the portfolio.
METTLE_HD void observe_features(const Market& market, Mode mode, Int window, Int t, float* out) {
    if (mode == Mode::kIndex) {
        out[0] = index_part(t, 0);
        out[1] = index_part(t, 1);
        return;
    }
    const Int rows = mode == Mode::kWindow ? window : 1;
    const Int floats = rows * market.feature_width;
    if (floats == 0) return;  // there may be no array to point to
    std::memcpy(out, feature_rows(market, mode, window, t),
                static_cast<std::size_t>(floats) * sizeof(float));
}

METTLE_HD void observe(const Market& market, const Account& account, Mode mode, Int window, Int t,
                       float* out) {
    observe_portfolio(market, account, t, out);
    observe_features(market, mode, window, t, out + portfolio_width(market.assets));
}

}  // namespace mettle::market
