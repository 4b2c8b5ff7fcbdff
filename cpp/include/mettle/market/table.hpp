// The owner of a market's arrays, in the layout that the step reads.
#pragma once

#include <cstdint>
#include <vector>

#include "lines.hpp"
#include "settings.hpp"

namespace mettle::market {

// Plain arrays as they come from the panel: shape (bars, assets) each, C-contiguous.
struct PanelArrays {
    Int bars;
    int assets;
    int feature_width;
    const Int* open;
    const Int* high;
    const Int* low;
    const Int* close;
    const Int* volume;
    const std::uint8_t* missing;
    const Int* funding_open;
    const Int* funding_inside;
    const float* features;  // (bars, feature_width)
};

struct Table {
    Int bars = 0;
    int assets = 0;
    int feature_width = 0;
    Int bar_seconds = 0;
    Lines<Price> price;
    Lines<Extremes> extremes;
    Lines<Int> volume;
    Lines<Funding> funding;       // empty: no rate anywhere
    Lines<std::uint8_t> missing;  // empty: no bar is missing
    Lines<float> features;
    std::vector<Terms> terms;
    Market view(const Wait* wait) const;
    std::uint64_t fingerprint() const;  // of all of the above
};

// Copy the panel's arrays into the table's layout; terms and bar_seconds are already set.
void fill_table(Table& table, const PanelArrays& panel);

// The first asset whose largest price times its unit leaves int64, or -1.
int unit_overflow(const Table& table);

// What a limit that rests `seconds` from each open sees, interpolated inside the bar.
Lines<Wait> interpolate_waits(const Table& table, Int seconds);

}  // namespace mettle::market
