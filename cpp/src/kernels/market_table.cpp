#include "mettle/market/table.hpp"

#include <algorithm>
#include <cmath>

#include "mettle/market/random.hpp"

namespace mettle::market {

namespace {

// Chained over 8-byte words; a fingerprint against mistakes, not against forgery.
template <class T>
std::uint64_t chain(std::uint64_t hash, const T* values, std::size_t count) {
    const auto* bytes = reinterpret_cast<const unsigned char*>(values);
    const std::size_t length = count * sizeof(T);
    for (std::size_t at = 0; at < length; at += 8) {
        std::uint64_t word = 0;
        std::copy_n(bytes + at, std::min<std::size_t>(8, length - at),
                    reinterpret_cast<unsigned char*>(&word));
        hash = mix(hash ^ word);
    }
    return mix(hash ^ length);
}

// floor(sqrt(value)) for value < 2^52.
Int integer_root(Int value) {
    auto root = static_cast<Int>(std::sqrt(static_cast<double>(value)));
    while (root * root > value) --root;
    while ((root + 1) * (root + 1) <= value) ++root;
    return root;
}

Int part_of(Int distance, Int ratio) {
    bool overflow = false;  // ratio <= 10^6, so the result is at most the distance
    return scale_down<kRateScale>(distance, ratio, overflow);
}

}  // namespace

Market Table::view(const Wait* wait) const {
    return {bars,
            assets,
            feature_width,
            price.data(),
            extremes.data(),
            volume.data(),
            funding.empty() ? nullptr : funding.data(),
            missing.empty() ? nullptr : missing.data(),
            wait,
            features.data(),
            terms.data()};
}

std::uint64_t Table::fingerprint() const {
    std::uint64_t hash = mix(static_cast<std::uint64_t>(bars));
    hash = mix(hash ^ static_cast<std::uint64_t>(assets));
    hash = mix(hash ^ static_cast<std::uint64_t>(bar_seconds));
    hash = chain(hash, price.data(), price.size());
    hash = chain(hash, extremes.data(), extremes.size());
    hash = chain(hash, volume.data(), volume.size());
    hash = chain(hash, funding.data(), funding.size());
    hash = chain(hash, missing.data(), missing.size());
    hash = chain(hash, features.data(), features.size());
    for (const Terms& one : terms) {
        for (const Int value : {one.unit, one.maker_fee, one.taker_fee, one.min_notional,
                                static_cast<Int>(one.perpetual)}) {
            hash = mix(hash ^ static_cast<std::uint64_t>(value));
        }
    }
    return hash;
}

void fill_table(Table& table, const PanelArrays& panel) {
    table.bars = panel.bars;
    table.assets = panel.assets;
    table.feature_width = panel.feature_width;
    const auto count = static_cast<std::size_t>(panel.bars) * static_cast<std::size_t>(panel.assets);
    table.price.resize(count);
    table.extremes.resize(count);
    bool funded = false;
    for (std::size_t k = 0; k < count; ++k) {
        table.price[k] = {panel.open[k], panel.close[k]};
        table.extremes[k] = {panel.high[k], panel.low[k]};
        funded |= panel.funding_open[k] != 0 || panel.funding_inside[k] != 0;
    }
    table.volume.assign(panel.volume, panel.volume + count);
    if (funded) {
        table.funding.resize(count);
        for (std::size_t k = 0; k < count; ++k) {
            table.funding[k] = {panel.funding_open[k], panel.funding_inside[k]};
        }
    }
    if (std::any_of(panel.missing, panel.missing + count, [](std::uint8_t m) { return m != 0; })) {
        table.missing.assign(panel.missing, panel.missing + count);
    }
    const auto floats =
        static_cast<std::size_t>(panel.bars) * static_cast<std::size_t>(panel.feature_width);
    table.features.assign(panel.features, panel.features + floats);
}

int unit_overflow(const Table& table) {
    for (int i = 0; i < table.assets; ++i) {
        Int highest = 1;
        for (Int t = 0; t < table.bars; ++t) {
            highest = std::max(highest,
                               table.extremes[static_cast<std::size_t>(t * table.assets + i)].high);
        }
        bool overflow = highest > kMaxTicks;
        multiply(highest, table.terms[static_cast<std::size_t>(i)].unit, overflow);
        if (overflow) return i;
    }
    return -1;
}

Lines<Wait> interpolate_waits(const Table& table, Int seconds) {
    const Int wait = std::min(seconds, table.bar_seconds);
    const Int ratio = integer_root(wait * 1'000'000'000'000 / table.bar_seconds);
    Lines<Wait> waits(table.price.size());
    for (std::size_t k = 0; k < waits.size(); ++k) {
        const auto [open, close] = table.price[k];
        const auto [high, low] = table.extremes[k];
        const Int moved = (close - open) * wait;
        waits[k] = {open - part_of(open - low, ratio), open + part_of(high - open, ratio),
                    open + ceil_divide(moved, table.bar_seconds),
                    open + floor_divide(moved, table.bar_seconds)};
    }
    return waits;
}

}  // namespace mettle::market
