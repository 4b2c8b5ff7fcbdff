// The loop of a sweep; the file that includes it defines kLanes, V, M and bits() for its level.
//
// A bar is quiet for a lane if nothing is traded. Only then the lanes do it: the averages, the mark
// and the figures. Whether a bar is quiet is judged on the safe side, with a slack far above the
// rounding; all other bars go to whole-number code, which decides again and exactly. Values under
// 2^52 are exact in float64, hence the same as elsewhere.

namespace mettle::market {
namespace {

constexpr int kVectors = kSweepBlock / kLanes;

inline V all(double value) { return value - V{}; }
inline V load(const double* from, int v) { return reinterpret_cast<const V*>(from)[v]; }
inline void store(double* to, int v, V value) { reinterpret_cast<V*>(to)[v] = value; }
inline bool any(M mask) { return bits(mask) != 0; }
inline V most(V a, V b) { return a > b ? a : b; }

// Averages up to and with bar `start`, from the seeds that are already in.
void warm_up(const SweepWorld& world, SweepBlock& block) {
    double seen = 0.0;
    for (Int t = 0; t <= world.start; ++t) {
        if (world.missing != nullptr && world.missing[t] != 0) continue;
        const V close = all(static_cast<double>(world.price[t].close));
        for (int v = 0; v < kVectors; ++v) {
            const V fast = load(block.fast, v);
            const V slow = load(block.slow, v);
            const V next_fast = fast + (close - fast) * load(block.fast_weight, v);
            const V next_slow = slow + (close - slow) * load(block.slow_weight, v);
            store(block.fast, v, load(block.fast_period, v) <= seen ? next_fast : fast);
            store(block.slow, v, load(block.slow_period, v) <= seen ? next_slow : slow);
        }
        seen += 1.0;
    }
}

// What a bar is for every lane.
struct Bar {
    double worth;  // of one lot at the close of t
    double next;   // at the close of t + 1
    double more;   // value under which a position is not added to
    bool may_hold;
};

inline V actions(const SweepWorld& world, const SweepBlock& block, int v) {
    const V fast = load(block.fast, v) * world.tick;
    const V slow = load(block.slow, v) * world.tick;
    const V below = fast < slow ? all(world.below) : V{};
    return (fast > slow ? all(1.0) : below) * load(block.alive, v);
}

// Whether a position of that size, which the action agrees with, stays as it is: the wanted value is
// `gap` above that of the position.
inline M stays(const SweepWorld& world, const Bar& bar, V equity, V size) {
    const V wanted = world.share * equity;
    const V gap = wanted - size * bar.worth;
    const V band = world.band * equity;
    const V rounding = world.rounding * equity;
    const M under = gap < rounding;
    const M more = ~under & (gap < most(band, all(bar.more)));
    if (!any(under)) return more;
    return more | (under & (bar.worth - gap < most(band, all(world.less))) &
                   (wanted > all(bar.worth * (1.0 + kSlack))));
}

// The figures of one mark.
inline void keep(SweepBlock& block, int v, V before, V after) {
    const V gain = after / before - 1.0;
    store(block.sum, v, load(block.sum, v) + gain);
    store(block.square, v, load(block.square, v) + gain * gain);
    const V peak = most(after, load(block.peak, v));
    store(block.peak, v, peak);
    const V worst = load(block.worst, v);
    if (any(after < worst * peak)) {
        const V depth = after / peak;
        store(block.worst, v, depth < worst ? depth : worst);
    }
}

inline bool play_bar(const SweepWorld& world, const Bar& bar, SweepBlock& block, int v, Int t) {
    const V action = actions(world, block, v);
    const V lots = load(block.lots, v);
    const M busy = (lots != 0.0) | (action != 0.0);
    if (!any(busy)) return true;  // nothing held and nothing wanted: the mark stays
    const V before = load(block.equity, v);
    const V value = lots * bar.next;
    const V after = load(block.cash, v) + value;
    M loud = busy;
    if (bar.may_hold) {
        const V size = lots * action;
        loud &= ~((size > 0.0) & (size * bar.next < load(block.limit, v)) &
                  (after > world.ruin_equity) & stays(world, bar, before, size));
    }
    store(block.equity, v, after);
    for (unsigned left = bits(loud); left != 0; left &= left - 1) {
        const int k = __builtin_ctz(left);
        if (!world.event(world.self, block, v * kLanes + k, t, action[k])) return false;
    }
    keep(block, v, before, load(block.equity, v));
    return true;
}

void play(const SweepWorld& world, SweepBlock& block) {
    warm_up(world, block);
    for (Int t = world.start; t < world.stop - 1; ++t) {
        const double close = static_cast<double>(world.price[t].close);
        const double next = static_cast<double>(world.price[t + 1].close);
        const bool paid = world.funding != nullptr &&
                          (world.funding[t + 1].at_open != 0 || world.funding[t + 1].inside != 0);
        const double worth = close * world.unit;
        const double more = worth * (1.0 - kSlack);
        const Bar bar{worth, next * world.unit, more > world.more ? more : world.more,
                      world.may_hold && !paid};
        const bool known = world.missing == nullptr || world.missing[t + 1] == 0;
        for (int v = 0; v < kVectors; ++v) {
            if (!play_bar(world, bar, block, v, t)) return;
            if (!known) continue;
            const V fast = load(block.fast, v);
            const V slow = load(block.slow, v);
            store(block.fast, v, fast + (next - fast) * load(block.fast_weight, v));
            store(block.slow, v, slow + (next - slow) * load(block.slow_weight, v));
        }
    }
}

}  // namespace
}  // namespace mettle::market
