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

constexpr int kChunk = 256;

// What some bars are for every lane, worked out once for all vectors.
struct Chunk {
    Int first;
    int count;
    double worth[kChunk + 1];  // of one lot at each close
    double close[kChunk];      // of the bar after
    double more[kChunk];       // value under which a position is not added to
    bool may_hold[kChunk];
    bool known[kChunk];  // whether the bar after is there
};

void fill(const SweepWorld& world, Int first, Chunk& chunk) {
    const Int left = world.stop - 1 - first;
    chunk.first = first;
    chunk.count = static_cast<int>(left < kChunk ? left : kChunk);
    chunk.worth[0] = static_cast<double>(world.price[first].close) * world.unit;
    for (int i = 0; i < chunk.count; ++i) {
        const Int next = first + i + 1;
        const bool paid = world.funding != nullptr &&
                          (world.funding[next].at_open != 0 || world.funding[next].inside != 0);
        const double more = chunk.worth[i] * (1.0 - kSlack);
        chunk.close[i] = static_cast<double>(world.price[next].close);
        chunk.worth[i + 1] = chunk.close[i] * world.unit;
        chunk.more[i] = more > world.more ? more : world.more;
        chunk.may_hold[i] = world.may_hold && !paid;
        chunk.known[i] = world.missing == nullptr || world.missing[next] == 0;
    }
}

// One vector of pairs; as long as nothing is traded it stays in registers.
struct Lanes {
    V fast, slow;
    V cash, lots, limit, alive;  // only trades change them: the block has them too
    V equity, peak, worst, sum, square;
};

inline void take_account(const SweepBlock& block, int v, Lanes& lanes) {
    lanes.cash = load(block.cash, v);
    lanes.lots = load(block.lots, v);
    lanes.limit = load(block.limit, v);
    lanes.alive = load(block.alive, v);
    lanes.equity = load(block.equity, v);
}

inline Lanes taken(const SweepBlock& block, int v) {
    Lanes lanes{};
    lanes.fast = load(block.fast, v);
    lanes.slow = load(block.slow, v);
    lanes.peak = load(block.peak, v);
    lanes.worst = load(block.worst, v);
    lanes.sum = load(block.sum, v);
    lanes.square = load(block.square, v);
    take_account(block, v, lanes);
    return lanes;
}

inline void put_back(const Lanes& lanes, SweepBlock& block, int v) {
    store(block.fast, v, lanes.fast);
    store(block.slow, v, lanes.slow);
    store(block.peak, v, lanes.peak);
    store(block.worst, v, lanes.worst);
    store(block.sum, v, lanes.sum);
    store(block.square, v, lanes.square);
    store(block.equity, v, lanes.equity);
}

inline V actions(const SweepWorld& world, const Lanes& lanes) {
    const V fast = lanes.fast * world.tick;
    const V slow = lanes.slow * world.tick;
    const V below = fast < slow ? all(world.below) : V{};
    return (fast > slow ? all(1.0) : below) * lanes.alive;
}

// Whether a position of that size, which the action agrees with, stays as it is: the wanted value is
// `gap` above that of the position.
inline M stays(const SweepWorld& world, double worth, double enough, V equity, V size) {
    const V wanted = world.share * equity;
    const V gap = wanted - size * worth;
    const V band = world.band * equity;
    const V rounding = world.rounding * equity;
    const M under = gap < rounding;
    const M more = ~under & (gap < most(band, all(enough)));
    if (!any(under)) return more;
    return more | (under & (worth - gap < most(band, all(world.less))) &
                   (wanted > all(worth * (1.0 + kSlack))));
}

// The figures of one mark.
inline void keep(Lanes& lanes, V before) {
    const V gain = lanes.equity / before - 1.0;
    lanes.sum += gain;
    lanes.square += gain * gain;
    lanes.peak = most(lanes.equity, lanes.peak);
    if (any(lanes.equity < lanes.worst * lanes.peak)) {
        const V depth = lanes.equity / lanes.peak;
        lanes.worst = depth < lanes.worst ? depth : lanes.worst;
    }
}

// The lanes whose bar is not quiet; what is traded stands in the block.
inline bool trade(const SweepWorld& world, Int t, M loud, V action, SweepBlock& block, int v,
                  Lanes& lanes) {
    store(block.equity, v, lanes.equity);
    for (unsigned left = bits(loud); left != 0; left &= left - 1) {
        const int k = __builtin_ctz(left);
        if (!world.event(world.self, block, v * kLanes + k, t, action[k])) return false;
    }
    take_account(block, v, lanes);
    return true;
}

inline bool play_bar(const SweepWorld& world, const Chunk& chunk, int i, SweepBlock& block, int v,
                     Lanes& lanes) {
    const V action = actions(world, lanes);
    const M busy = (lanes.lots != 0.0) | (action != 0.0);
    if (!any(busy)) return true;  // nothing held and nothing wanted: the mark stays
    const V before = lanes.equity;
    lanes.equity = lanes.cash + lanes.lots * chunk.worth[i + 1];
    M loud = busy;
    if (chunk.may_hold[i]) {
        const V size = lanes.lots * action;
        loud &= ~((size > 0.0) & (size * chunk.worth[i + 1] < lanes.limit) &
                  (lanes.equity > world.ruin_equity) &
                  stays(world, chunk.worth[i], chunk.more[i], before, size));
    }
    if (any(loud) && !trade(world, chunk.first + i, loud, action, block, v, lanes)) return false;
    keep(lanes, before);
    return true;
}

// Returns whether all went well: money beyond 64 bits ends a vector.
bool play_vector(const SweepWorld& world, const Chunk& chunk, SweepBlock& block, int v) {
    const V fast_weight = load(block.fast_weight, v);
    const V slow_weight = load(block.slow_weight, v);
    Lanes lanes = taken(block, v);
    for (int i = 0; i < chunk.count; ++i) {
        if (!play_bar(world, chunk, i, block, v, lanes)) return false;
        if (!chunk.known[i]) continue;
        lanes.fast += (chunk.close[i] - lanes.fast) * fast_weight;
        lanes.slow += (chunk.close[i] - lanes.slow) * slow_weight;
    }
    put_back(lanes, block, v);
    return true;
}

void play(const SweepWorld& world, SweepBlock& block) {
    warm_up(world, block);
    Chunk chunk;
    bool well = true;
    for (Int t = world.start; well && t < world.stop - 1; t += chunk.count) {
        fill(world, t, chunk);
        // All vectors, also after one that ended: which pair is told must not hang on their width.
        for (int v = 0; v < kVectors; ++v) well &= play_vector(world, chunk, block, v);
    }
}

}  // namespace
}  // namespace mettle::market
