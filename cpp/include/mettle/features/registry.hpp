// Names of kernels, and how to build one.
#pragma once

#include <memory>
#include <vector>

#include "mettle/features/cross.hpp"
#include "mettle/features/node.hpp"

namespace mettle::features {

// One column that a kernel can write. Columns of one family with equal parameters and form share a
// node, so that MACD's three lines cost one pass.
struct Entry {
    const char* name;
    const char* family;
    std::size_t output;
    int parameters;
    std::unique_ptr<Node> (*node)(const int* parameters, Form form, std::size_t assets);
    std::unique_ptr<CrossNode> (*cross)(const int* parameters, std::size_t assets);
};

// One list a file of kernels.
std::vector<Entry> trend_entries();
std::vector<Entry> momentum_entries();
std::vector<Entry> volatility_entries();
std::vector<Entry> volume_entries();
std::vector<Entry> calendar_entries();
std::vector<Entry> cross_entries();

// All of them, in that order.
const std::vector<Entry>& entries();

}  // namespace mettle::features
