// The bodies of learning/kernels.hpp, included by one file for each level and compiled there with
// that level's instructions.
//
// Everything is in an anonymous namespace and nothing of the standard library is called: a shared
// inline function compiled here could be the copy that the linker keeps for machines without these
// instructions. The file that includes this one defines kLanes, the vector Float, and least and most
// of two vectors, which return their second argument if it is not a number.

namespace mettle::learning {
namespace {

using std::int32_t;

constexpr Index kVectors = kPanel / kLanes;  // that one row of a panel fills

typedef int32_t Int __attribute__((vector_size(4 * kLanes)));

// Loops over registers must be gone before the compiler decides what lies in one.
#define METTLE_UNROLL _Pragma("GCC unroll 16")

inline Float load(const float* from) {
    Float value;
    __builtin_memcpy(&value, from, sizeof value);
    return value;
}
inline void store(float* to, Float value) { __builtin_memcpy(to, &value, sizeof value); }
inline Int bits_of(Float value) {
    Int bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    return bits;
}
inline Float from_bits(Int bits) {
    Float value;
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}

struct Sum {
    Index depth;
    Index chunk;  // entries along the depth between two jumps of `stride` floats
    Index stride;
    const float* a;
    const float* b;
    const float* start;
    float* c;
};

// `Rows` rows of one panel of c, kept in registers along the whole depth. Entry (r, p) of a lies at
// r · RowStep + p · DepthStep.
template <int Rows, Index RowStep, Index DepthStep, bool Adds>
inline __attribute__((always_inline)) void tile(const Sum& sum) {
    Float total[Rows][kVectors];
    METTLE_UNROLL
    for (int r = 0; r < Rows; ++r) {
        METTLE_UNROLL
        for (Index v = 0; v < kVectors; ++v) {
            if constexpr (Adds) {
                total[r][v] = load(sum.c + r * kPanel + v * kLanes);
            } else {
                total[r][v] = sum.start == nullptr ? Float{} : load(sum.start + v * kLanes);
            }
        }
    }
    const float* a = sum.a;
    const float* b = sum.b;
    for (Index left = sum.depth; left > 0; left -= sum.chunk, a += sum.stride) {
        const Index count = left < sum.chunk ? left : sum.chunk;
        const float* at = a;
        for (Index p = 0; p < count; ++p, b += kPanel, at += DepthStep) {
            Float row[kVectors];
            METTLE_UNROLL
            for (Index v = 0; v < kVectors; ++v) row[v] = load(b + v * kLanes);
            METTLE_UNROLL
            for (int r = 0; r < Rows; ++r) {
                METTLE_UNROLL
                for (Index v = 0; v < kVectors; ++v) total[r][v] += at[r * RowStep] * row[v];
            }
        }
    }
    METTLE_UNROLL
    for (int r = 0; r < Rows; ++r) {
        METTLE_UNROLL
        for (Index v = 0; v < kVectors; ++v) store(sum.c + r * kPanel + v * kLanes, total[r][v]);
    }
}

template <Index RowStep, Index DepthStep, bool Adds>
inline void tile_of(Index rows, const Sum& sum) {
    switch (rows) {
        case 1: return tile<1, RowStep, DepthStep, Adds>(sum);
        case 2: return tile<2, RowStep, DepthStep, Adds>(sum);
#if METTLE_TILE_ROWS > 2
        case 3: return tile<3, RowStep, DepthStep, Adds>(sum);
        case 4: return tile<4, RowStep, DepthStep, Adds>(sum);
        case 5: return tile<5, RowStep, DepthStep, Adds>(sum);
        case 6: return tile<6, RowStep, DepthStep, Adds>(sum);
#endif
#if METTLE_TILE_ROWS > 6
        case 7: return tile<7, RowStep, DepthStep, Adds>(sum);
        case 8: return tile<8, RowStep, DepthStep, Adds>(sum);
        case 9: return tile<9, RowStep, DepthStep, Adds>(sum);
        case 10: return tile<10, RowStep, DepthStep, Adds>(sum);
        case 11: return tile<11, RowStep, DepthStep, Adds>(sum);
        case 12: return tile<12, RowStep, DepthStep, Adds>(sum);
#endif
        default: return;
    }
}

// Tiles as even as they come: a short last one would leave the multipliers waiting for its sums.
template <Index RowStep, Index DepthStep, bool Adds>
inline void all_tiles(Index rows, Sum sum) {
    const Index tiles = (rows + METTLE_TILE_ROWS - 1) / METTLE_TILE_ROWS;
    for (Index t = 0; t < tiles; ++t) {
        const Index count = rows / tiles + (t < rows % tiles ? 1 : 0);
        tile_of<RowStep, DepthStep, Adds>(count, sum);
        sum.a += count * RowStep;
        sum.c += count * kPanel;
    }
}

void product(Index rows, Index depth, const float* a, Index stride, const float* b,
             const float* start, float* c) {
    all_tiles<kPanel, 1, false>(rows, {depth, kPanel, stride, a, b, start, c});
}

void transposed(Index rows, Index depth, const float* a, const float* b, float* c) {
    all_tiles<1, kPanel, true>(rows, {depth, depth, 0, a, b, nullptr, c});
}

// exp(x) − 1 = (2^k − 1) + 2^k · (exp(r) − 1), x = k · ln 2 + r, |r| <= ln 2 / 2, for |x| < 87:
// Taylor's polynomial, whose first dropped term is under 1e-8; Cody & Waite's split of ln 2 keeps r
// exact. `Count` vectors go step by step together, for each step waits for the one before.
template <int Count>
struct Power {
    Float scale[Count];  // 2^k
    Float rest[Count];   // exp(r) − 1
};

template <int Count>
inline __attribute__((always_inline)) Power<Count> power_of(const Float* x) {
    constexpr float kRound = 12582912.0F;  // 1.5·2^23: adding it rounds to an integer
    constexpr float kTerms[] = {1.0F / 720.0F, 1.0F / 120.0F, 1.0F / 24.0F, 1.0F / 6.0F, 0.5F};
    Power<Count> power;
    Float r[Count];
    Float p[Count];
    METTLE_UNROLL
    for (int n = 0; n < Count; ++n) power.scale[n] = x[n] * 1.44269504F + kRound;
    METTLE_UNROLL
    for (int n = 0; n < Count; ++n) r[n] = x[n] - (power.scale[n] - kRound) * 0.693359375F;
    METTLE_UNROLL
    for (int n = 0; n < Count; ++n) r[n] += (power.scale[n] - kRound) * 2.12194440e-4F;
    METTLE_UNROLL
    for (int n = 0; n < Count; ++n) p[n] = r[n] * (1.0F / 5040.0F) + kTerms[0];
    METTLE_UNROLL
    for (int term = 1; term < 5; ++term) {
        METTLE_UNROLL
        for (int n = 0; n < Count; ++n) p[n] = p[n] * r[n] + kTerms[term];
    }
    METTLE_UNROLL
    for (int n = 0; n < Count; ++n) power.rest[n] = p[n] * (r[n] * r[n]) + r[n];
    METTLE_UNROLL
    for (int n = 0; n < Count; ++n) {
        power.scale[n] = from_bits((bits_of(power.scale[n]) << 23) + 0x3F800000);
    }
    return power;
}

// tanh(x) = 1 − 2 / (exp(2x) + 1), to within 1e-7; a NaN stays.
void tanh_all(Index count, float* values) {
    constexpr float kLimit = 9.1F;  // beyond it tanh rounds to 1
    constexpr int kTogether = kTanhStep / kLanes;
    for (Index i = 0; i < count; i += kTanhStep) {
        Float x[kTogether];
        METTLE_UNROLL
        for (int n = 0; n < kTogether; ++n) {
            const Float bounded = most(-kLimit + Float{}, least(kLimit + Float{}, load(values + i + n * kLanes)));
            x[n] = bounded + bounded;
        }
        const Power<kTogether> power = power_of<kTogether>(x);
        METTLE_UNROLL
        for (int n = 0; n < kTogether; ++n) {
            const Float whole = power.scale[n] * power.rest[n] + (power.scale[n] + 1.0F);
            store(values + i + n * kLanes, 1.0F - 2.0F / whole);
        }
    }
}

inline Float back_row(const float* output, float* slope) {
    const Float y = load(output);
    const Float result = load(slope) * (1.0F - y * y);
    store(slope, result);
    return result;
}

void tanh_back(Index rows, const float* output, float* slope, float* sums) {
    for (Index v = 0; v < kPanel; v += kLanes) {
        Float even{};  // and odd rows: two chains of additions
        Float odd{};
        Index i = v;
        for (; i + kPanel < rows * kPanel; i += 2 * kPanel) {
            even += back_row(output + i, slope + i);
            odd += back_row(output + i + kPanel, slope + i + kPanel);
        }
        if (i < rows * kPanel) even += back_row(output + i, slope + i);
        store(sums + v, load(sums + v) + (even + odd));
    }
}

void surrogate(const Surrogate& block) {
    const float low = 1.0F - block.clip;
    const float high = 1.0F + block.clip;
    for (Index i = 0; i < block.rows; i += kLanes) {
        // Beyond these exp leaves the floats; the losses are lost long before.
        const Float x = most(-87.0F + Float{}, least(87.0F + Float{}, load(block.log_ratio + i)));
        const Power<1> power = power_of<1>(&x);
        const Float ratio = power.scale[0] + power.scale[0] * power.rest[0];
        const Float advantage = (load(block.advantage + i) - block.mean) * block.scale;
        const Float clipped = most(low + Float{}, least(high + Float{}, ratio));
        const Float free = advantage * ratio;
        const Float bound = advantage * clipped;
        // Inside the range both are equal and the slope is that of the ratio.
        const Float active = bound < free ? Float{} : free;
        store(block.ratio + i, ratio);
        store(block.gain + i, bound < free ? bound : free);
        store(block.slope + i, -active);
    }
}

inline Float root(Float value) {
    for (Index k = 0; k < kLanes; ++k) value[k] = __builtin_sqrtf(value[k]);
    return value;
}

// Kingma & Ba 2015, as torch orders its operations.
void adam(Index count, const AdamStep& step, const float* gradient, float* weight, float* first,
          float* second) {
    constexpr float kFirst = 0.9F;
    constexpr float kSecond = 0.999F;
    for (Index i = 0; i < count; i += kLanes) {
        const Float g = load(gradient + i) * step.scale;
        const Float m = load(first + i) + (g - load(first + i)) * (1.0F - kFirst);
        const Float v = load(second + i) * kSecond + g * g * (1.0F - kSecond);
        store(first + i, m);
        store(second + i, v);
        const Float size = root(v) / step.second_root + step.epsilon;
        store(weight + i, load(weight + i) - step.rate * (m / size));
    }
}

void add(Index count, Index parts, const float* values, Index apart, float* out) {
    for (Index i = 0; i < count; i += kLanes) {
        Float total = load(values + i);
        for (Index k = 1; k < parts; ++k) total += load(values + k * apart + i);
        store(out + i, total);
    }
}

constexpr Kernels kTable{&product,  &transposed, &tanh_all, &tanh_back,
                         &surrogate, &adam,      &add};

}  // namespace
}  // namespace mettle::learning
