// What was traded.
#include "mettle/features/registry.hpp"
#include "mettle/features/volume.hpp"

namespace mettle::features {

std::vector<Entry> volume_entries() {
    return {
        {"volume_sma", "volume_sma", 0, 1, make_node<VolumeSma>, nullptr},
        {"volume_change", "volume_change", 0, 0, make_node<VolumeChange>, nullptr},
        {"volume_ratio", "volume_ratio", 0, 1, make_node<VolumeRatio>, nullptr},
        {"money_flow", "money_flow", 0, 1, make_node<MoneyFlow>, nullptr},
        {"vwap_distance", "vwap_distance", 0, 1, make_node<VwapDistance>, nullptr},
    };
}

}  // namespace mettle::features
