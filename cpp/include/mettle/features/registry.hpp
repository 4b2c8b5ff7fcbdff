// Names of features, and how to build what they come from.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "mettle/features/cross.hpp"
#include "mettle/features/node.hpp"

namespace mettle::features {

// The instructions that kernels use. All give the same bits.
enum class Level { best, portable, avx2 };

// Whether this processor has them.
bool supported(Level level);

// One column that a kernel can write. Columns of one family with equal parameters and form share a
// node, so that MACD's three lines cost one pass.
struct Entry {
    const char* name;
    const char* family;
    std::size_t output;
    int parameters;
    std::unique_ptr<CrossNode> (*cross)(const int* parameters, std::size_t assets);  // or null
};

std::span<const Entry> entries();

// The kernel of a family that is not a cross one; `level` must be supported.
Program program(const std::string& family, const int* parameters, Form form, Level level);

}  // namespace mettle::features
