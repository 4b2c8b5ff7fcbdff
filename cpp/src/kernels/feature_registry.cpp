// The list of all kernels.
#include "mettle/features/engine.hpp"
#include "mettle/features/registry.hpp"

namespace mettle::features {

const std::vector<Entry>& entries() {
    static const std::vector<Entry> all = [] {
        std::vector<Entry> joined;
        for (const auto& part : {trend_entries(), momentum_entries(), volatility_entries(),
                                 volume_entries(), calendar_entries(), cross_entries()})
            joined.insert(joined.end(), part.begin(), part.end());
        return joined;
    }();
    return all;
}

std::vector<KernelName> kernel_names() {
    std::vector<KernelName> names;
    for (const Entry& entry : entries()) names.push_back({entry.name, entry.parameters});
    return names;
}

}  // namespace mettle::features
