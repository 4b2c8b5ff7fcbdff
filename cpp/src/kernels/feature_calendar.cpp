// When the bar opened.
#include "mettle/features/calendar.hpp"
#include "mettle/features/registry.hpp"

namespace mettle::features {

std::vector<Entry> calendar_entries() {
    return {
        {"hour_sin", "day_circle", 0, 0, make_node<DayCircle>, nullptr},
        {"hour_cos", "day_circle", 1, 0, make_node<DayCircle>, nullptr},
        {"day_sin", "week_circle", 0, 0, make_node<WeekCircle>, nullptr},
        {"day_cos", "week_circle", 1, 0, make_node<WeekCircle>, nullptr},
    };
}

}  // namespace mettle::features
