// Accounts from the close of a bar to that of the next, in lanes: sums over assets are additions of
// registers, and whatever is done once an environment is done for kLanes of them. The file that
// includes it defines the registers and what is done with them for its level.
//
// All amounts are whole numbers under 2^53 held in float64, so that sums and products are exact;
// what could grow beyond is checked, and such a step is left to the general code before anything
// has changed. Quotients are exact, too:
//   - floor(a / b) of a correctly rounded quotient cannot be too high while a + b < 2^54, since
//     a / b then lies further under the next whole number than half a unit in the last place;
//   - floor(x * 1e-4) for x < 10^8 and floor(x * 1e-6) for x < 2^53 equal the true floors: the
//     constants' errors (+4.8e-17 and -4.5e-17, relative) round away at multiples, and elsewhere
//     the next whole number is at least 1e-4 or 1e-6 off;
//   - where the product in a * b / c leaves 2^53 the remainder is found without error by fused
//     multiply-adds (Dekker's product), and corrects the estimate.
// The results are those of every other path, on every machine.

#include "market_lanes_rows.hpp"

namespace mettle::market::lanes {
namespace {

// floor(a * b / c), c > 0, for whole numbers with a quotient under 2^50.
METTLE_LANES V multiply_divide(V a, V b, V c) {
    const V product = a * b;
    const V estimate = floor(product / c);
    const V low = multiply_subtract(a, b, product);
    const V back = estimate * c;
    const V back_low = multiply_subtract(estimate, c, back);
    const V rest = (product - back) + (low - back_low);
    const V up = only(at_least(rest, c), all(1.0));
    const V down = only(less(rest, V{}), all(1.0));
    return estimate + (up - down);
}

// See fee_of.
METTLE_LANES V fees(V value, V rate) {
    const V million = all(1e6);
    const V whole = floor(value * all(1e-6));
    const V product = (value - whole * million) * rate;
    const V small = floor(product * all(1e-6));
    const V twice = (product - small * million) * all(2.0);
    const V fee = whole * rate + small;
    const V half = fee * all(0.5);
    const M odd = differ(half, floor(half));
    const M up = either(less(million, twice), both(equal(million, twice), odd));
    return fee + only(up, all(1.0));
}

// The environments of one register: pointers to the first one's entries.
struct Group {
    const Price* price[kLanes];  // rows of bar t; those of t + 1 follow
    const float* actions;
    Int* cash;
    Int* equity;
    Int* lots;
    Int* basis;
    std::int32_t* bars_held;
};

// A group between the passes of its step: one register an asset. A pass runs over several blocks
// before the next begins, since a step is a chain of dependent operations longer than what a core
// looks ahead: pass by pass, the chains of neighbours overlap.
template <int A>
struct Block {
    static constexpr int kSize = kMost<A>;
    V size[kSize];   // the weight; then the lots of the order; then the lots held
    V price[kSize];  // value of one lot at the fill; then the cost basis
    V value[kSize];  // of the order; then of the position at the close of t + 1
    M buys[kSize];   // which orders buy
    Ages age[kSize];
    V before;  // equity at the close of t
    V equity;
    V cash;   // at the close of t; then after the sells; then at the close of t + 1
    V cost;   // of the buys
    V count;  // of the buys
    V traded;
    M good;  // which lanes fit
};

// The accounts, and weights at the close of t.
template <int A>
METTLE_LANES void weigh(const Settings& settings, const Terms& terms, const Group& group,
                        int assets, Block<A>& block) {
    const Ints equity = load(group.equity);
    const Ints cash = load(group.cash);
    block.before = from_ints(equity);
    block.cash = from_ints(cash);
    M good = both(under_two_52(equity), under_two_52(cash));
    good = both(good, both(less(V{}, block.before), less(block.before, all(terms.limit))));
    const V largest = all(static_cast<double>(settings.max_weight));
    V sum{};
    Floats actions[kMost<A>];
    columns<A>(group.actions, assets, actions);
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V action = widen(actions[i]);
        good = both(good, both(at_least(action, all(-1.0)), at_least(all(1.0), action)));
        block.size[i] = least(most(nearest(action * all(1e4)), V{}), largest);
        sum = sum + block.size[i];
    }
    block.good = good;
    // No branch: whether the limit binds is not to be guessed.
    const V limit = all(static_cast<double>(settings.gross_limit));
    const V base = most(sum, limit);
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) block.size[i] = floor(block.size[i] * limit / base);
}

// Target lots, and the orders, at the close of t.
template <int A>
METTLE_LANES void order(const Terms& terms, const Group& group, int assets, Block<A>& block) {
    const V whole = floor(block.before / all(1e4));
    const V part = block.before - whole * all(1e4);
    Ints price[kMost<A>];
    Ints lots[kMost<A>];
    all_closes<A>(group.price, 0, assets, price);
    columns<A>(group.lots, assets, lots);
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V weight = block.size[i];
        const V budget = weight * whole + floor(weight * part * all(1e-4));
        const V worth = from_ints(price[i]) * all(terms.unit[i]);
        const V target = floor(budget / worth);
        const V held = from_ints(lots[i]);
        const V change = target - held;
        const V size = magnitude(change);
        const M reduces = both(less(change, V{}), mask_of(terms.free_to_reduce[i]));
        const M large = at_least(size * worth, all(terms.min_notional[i]));
        block.size[i] = pick(either(large, reduces), size, V{});
        block.buys[i] = both(less(V{}, change), large);
    }
}

// Their prices at the open of t + 1.
template <int A>
METTLE_LANES void price_orders(const Settings& settings, const Terms& terms, const Group& group,
                               int assets, Block<A>& block) {
    const auto slippage = static_cast<double>(settings.slippage);
    Ints price[kMost<A>];
    all_opens<A>(group.price, assets, assets, price);
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const M buys = block.buys[i];
        const V moved = from_ints(price[i]) * pick(buys, all(1e6 + slippage), all(1e6 - slippage));
        const V rounded = moved + only(buys, all(999999.0));
        const V ticks = most(all(1.0), floor(rounded * all(1e-6)));
        block.price[i] = ticks * all(terms.unit[i]);
        block.value[i] = block.size[i] * block.price[i];
    }
}

// What the sells bring and the buys cost.
template <int A>
METTLE_LANES void charge(const Terms& terms, int assets, Block<A>& block) {
    block.cost = V{};
    block.count = V{};
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const M buys = block.buys[i];
        const V value = block.value[i];
        const V fee = fees(value, all(terms.fee[i]));
        block.good = both(block.good, less(value, all(terms.limit)));
        block.cash = block.cash + except(buys, value - fee);
        block.cost = block.cost + only(buys, value + fee);
        block.count = block.count + only(buys, all(1.0));
    }
}

// Scale the buys of the lanes that want more than their cash.
template <int A>
METTLE_LANES void scale(const Terms& terms, int assets, Block<A>& block) {
    const M lacks = less(block.cash, block.cost);
    if (!any(lacks)) return;
    const V available = most(V{}, block.cash - block.count);
    const V cost = most(block.cost, all(1.0));
    V paid{};
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const V lots = multiply_divide(block.size[i], available, cost);
        const V value = lots * block.price[i];
        const M kept = at_least(value, all(terms.min_notional[i]));
        const M scales = both(lacks, block.buys[i]);
        block.size[i] = pick(scales, only(kept, lots), block.size[i]);
        block.value[i] = pick(scales, only(kept, value), block.value[i]);
        const V fee = fees(block.value[i], all(terms.fee[i]));
        paid = paid + only(block.buys[i], block.value[i] + fee);
    }
    block.cost = pick(lacks, paid, block.cost);
}

// Positions and the mark at the close of t + 1, in the block only.
template <int A>
METTLE_LANES void book(const Terms& terms, const Group& group, int assets, Block<A>& block) {
    M good = block.good;
    block.cash = block.cash - block.cost;
    block.equity = block.cash;
    block.traded = V{};
    Ints price[kMost<A>];
    Ints before[kMost<A>];
    Ints paid[kMost<A>];
    all_closes<A>(group.price, assets, assets, price);
    columns<A>(group.lots, assets, before);
    columns<A>(group.basis, assets, paid);
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        const M buys = block.buys[i];
        const V held = from_ints(before[i]);
        const V basis = from_ints(paid[i]);
        const V sold = except(buys, block.size[i]);
        const V released = multiply_divide(basis, sold, most(held, all(1.0)));
        const V cost_basis = (basis - released) + only(buys, block.value[i]);
        const V lots = (held - sold) + only(buys, block.size[i]);
        const V worth = from_ints(price[i]) * all(terms.unit[i]);
        const V marked = lots * worth;
        good = both(good, both(less(marked, all(terms.limit)), less(cost_basis, all(kTwo52))));
        good = both(good, under_two_52(paid[i]));
        block.traded = block.traded + block.value[i];
        block.equity = block.equity + marked;
        block.size[i] = lots;
        block.price[i] = cost_basis;
        block.value[i] = marked;
    }
    block.good = good;
}

// Write the accounts back; only where every lane is good.
template <int A>
METTLE_LANES void keep(const Group& group, int assets, Block<A>& block) {
    Ints lots[kMost<A>];
    Ints basis[kMost<A>];
    columns<A>(group.bars_held, assets, block.age);
#pragma GCC unroll 4
    for (int i = 0; i < assets; ++i) {
        lots[i] = to_ints(block.size[i]);
        basis[i] = to_ints(block.price[i]);
        block.age[i] = only(less(V{}, block.size[i]), successor(block.age[i]));
    }
    into_rows<A>(lots, assets, group.lots);
    into_rows<A>(basis, assets, group.basis);
    into_rows<A>(block.age, assets, group.bars_held);
    store(group.cash, to_ints(block.cash));
}

constexpr int kPasses = 6;

// Advance accounts from the close of t to the close of t + 1, but for the reward. Where a block's
// lanes are not all good nothing has changed, and the general step must do it. Before group g is in
// a pass, `fetch(pass, g)` may ask the memory for what comes later.
template <int A, class Fetch>
METTLE_LANES void step(const Settings& settings, const Terms& terms, const Group* groups,
                       int assets, Block<A>* blocks, int count, const Fetch& fetch) {
    for (int g = 0; g < count; ++g) {
        fetch(0, g);
        weigh<A>(settings, terms, groups[g], assets, blocks[g]);
    }
    for (int g = 0; g < count; ++g) {
        fetch(1, g);
        order<A>(terms, groups[g], assets, blocks[g]);
    }
    for (int g = 0; g < count; ++g) {
        fetch(2, g);
        price_orders<A>(settings, terms, groups[g], assets, blocks[g]);
    }
    for (int g = 0; g < count; ++g) {
        fetch(3, g);
        charge<A>(terms, assets, blocks[g]);
    }
    for (int g = 0; g < count; ++g) {
        fetch(4, g);
        scale<A>(terms, assets, blocks[g]);
    }
    for (int g = 0; g < count; ++g) {
        fetch(5, g);
        book<A>(terms, groups[g], assets, blocks[g]);
    }
    for (int g = 0; g < count; ++g) {
        if (every(blocks[g].good)) keep<A>(groups[g], assets, blocks[g]);
    }
}

}  // namespace
}  // namespace mettle::market::lanes
