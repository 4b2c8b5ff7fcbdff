#include "mettle/inference/mlp.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#define METTLE_AVX2 __attribute__((target("avx2")))
#define METTLE_AVX512 __attribute__((target("avx512f")))
#endif
// The lane code is one body for every dispatch level, so it must be inlined into each.
#define METTLE_INLINE inline __attribute__((always_inline))

namespace mettle::inference {
namespace {

constexpr std::ptrdiff_t kBlock = 8;  // outputs that are stored together
constexpr std::ptrdiff_t kWideBlock = 16;  // with AVX-512, if a layer has more than eight
// Inputs between two additions to the total: bounds rounding errors.
constexpr int kRun = 64;

template <int Lanes>
struct Vector {
    typedef float Float __attribute__((vector_size(4 * Lanes)));
    typedef std::int32_t Int __attribute__((vector_size(4 * Lanes)));
};

template <class To, class From>
METTLE_INLINE void copy_bits(To& to, const From* from) {
    std::memcpy(&to, from, sizeof(To));
}

// part += x · weights over `Blocks` blocks, whose rows lie `stride` floats apart.
template <int Lanes, int Blocks, std::ptrdiff_t Block>
METTLE_INLINE void accumulate(typename Vector<Lanes>::Float* part, float x, const float* row,
                              std::ptrdiff_t stride) {
    constexpr std::ptrdiff_t kParts = Block / Lanes;
    for (std::ptrdiff_t b = 0; b < Blocks; ++b) {
        for (std::ptrdiff_t l = 0; l < kParts; ++l) {
            typename Vector<Lanes>::Float weight;
            copy_bits(weight, row + b * stride + l * Lanes);
            part[b * kParts + l] += x * weight;
        }
    }
}

template <int Lanes, int Blocks, std::ptrdiff_t Block>
METTLE_INLINE void dense_blocks(const float* input, int inputs, const float* weight,
                                const float* bias, float* output) {
    using Float = typename Vector<Lanes>::Float;
    constexpr std::ptrdiff_t kWide = Blocks * Block / Lanes;
    const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(inputs) * Block;
    Float total[kWide];
    for (std::ptrdiff_t w = 0; w < kWide; ++w) copy_bits(total[w], bias + w * Lanes);
    for (int start = 0; start < inputs; start += kRun) {
        const int count = std::min(inputs - start, kRun);
        Float even[kWide] = {}, odd[kWide] = {};
        for (int i = 0; i + 2 <= count; i += 2, input += 2, weight += 2 * Block) {
            accumulate<Lanes, Blocks, Block>(even, input[0], weight, stride);
            accumulate<Lanes, Blocks, Block>(odd, input[1], weight + Block, stride);
        }
        if (count % 2 != 0) accumulate<Lanes, Blocks, Block>(even, input[0], weight, stride);
        for (std::ptrdiff_t w = 0; w < kWide; ++w) total[w] += even[w] + odd[w];
    }
    for (std::ptrdiff_t w = 0; w < kWide; ++w) std::memcpy(output + w * Lanes, &total[w], sizeof(Float));
}

// As many blocks together as leave all sums in registers: fewer reloads of the inputs.
template <int Lanes, int Blocks, std::ptrdiff_t Block = kBlock>
METTLE_INLINE void dense_layer(const float* input, int inputs, const float* weight,
                               const float* bias, int blocks, float* output) {
    const std::ptrdiff_t stride = static_cast<std::ptrdiff_t>(inputs) * Block;
    std::ptrdiff_t block = 0;
    for (; block + Blocks <= blocks; block += Blocks) {
        dense_blocks<Lanes, Blocks, Block>(input, inputs, weight + block * stride,
                                           bias + block * Block, output + block * Block);
    }
    for (; block < blocks; ++block) {
        dense_blocks<Lanes, 1, Block>(input, inputs, weight + block * stride,
                                      bias + block * Block, output + block * Block);
    }
}

// tanh(x) = E / (E + 2) with E = exp(2|x|) − 1 = (2^k − 1) + 2^k·p(r), 2|x| = k·ln 2 + r: no
// cancellation for small x, no branch. p is exp's Taylor polynomial less 1 (|r| <= ln 2 / 2, so the
// first dropped term is under 1e-8). Cody & Waite's split of ln 2 keeps r exact.
template <int Lanes>
METTLE_INLINE void tanh_lanes(float* values) {
    using Float = typename Vector<Lanes>::Float;
    using Int = typename Vector<Lanes>::Int;
    constexpr float kRound = 12582912.0F;  // 1.5·2^23: adding it rounds to an integer
    constexpr float kLimit = 9.1F;         // beyond it tanh rounds to 1
    Float x;
    copy_bits(x, values);
    Int bits;
    copy_bits(bits, &x);
    const Int sign = bits & INT32_MIN;
    bits ^= sign;
    Float size;
    copy_bits(size, &bits);
    size = size > kLimit ? kLimit + Float{} : size;  // a NaN stays
    const Float twice = size + size;
    const Float shifted = twice * 1.44269504F + kRound;
    const Float k = shifted - kRound;
    const Float r = (twice - k * 0.693359375F) + k * 2.12194440e-4F;
    Float p = r * (1.0F / 5040.0F) + 1.0F / 720.0F;
    p = p * r + 1.0F / 120.0F;
    p = p * r + 1.0F / 24.0F;
    p = p * r + 1.0F / 6.0F;
    p = p * r + 0.5F;
    p = p * r * r + r;
    Int power;
    copy_bits(power, &shifted);
    power = (power << 23) + 0x3F800000;  // the integer k lies in the low bits of `shifted`
    Float scale;
    copy_bits(scale, &power);
    const Float e = (scale - 1.0F) + scale * p;
    const Float result = e / (e + 2.0F);
    copy_bits(bits, &result);
    bits |= sign;
    std::memcpy(values, &bits, sizeof(bits));
}

template <int Lanes>
METTLE_INLINE void tanh_all(float* values, int count) {
    for (int i = 0; i < count; i += Lanes) tanh_lanes<Lanes>(values + i);
}

METTLE_INLINE void relu_all(float* values, int count) {
    for (int i = 0; i < count; ++i) values[i] = values[i] < 0.0F ? 0.0F : values[i];
}

void dense_portable(const float* input, int inputs, const float* weight, const float* bias,
                    int blocks, float* output) {
    dense_layer<4, 2>(input, inputs, weight, bias, blocks, output);
}
void tanh_portable(float* values, int count) { tanh_all<4>(values, count); }
void relu_portable(float* values, int count) { relu_all(values, count); }

#ifdef METTLE_AVX2
METTLE_AVX2 void dense_avx2(const float* input, int inputs, const float* weight, const float* bias,
                            int blocks, float* output) {
    dense_layer<8, 4>(input, inputs, weight, bias, blocks, output);
}
METTLE_AVX2 void tanh_avx2(float* values, int count) { tanh_all<8>(values, count); }
METTLE_AVX2 void relu_avx2(float* values, int count) { relu_all(values, count); }

METTLE_AVX512 void dense_avx512(const float* input, int inputs, const float* weight,
                                const float* bias, int blocks, float* output) {
    dense_layer<16, 4, kWideBlock>(input, inputs, weight, bias, blocks, output);
}
METTLE_AVX512 void tanh_avx512(float* values, int count) { tanh_all<16>(values, count); }
#endif

int padded(int count, std::ptrdiff_t block) {
    return static_cast<int>((count + block - 1) / block * block);
}

}  // namespace

bool supported(Dispatch level) {
#ifdef METTLE_AVX2
    if (level == Dispatch::avx2) return __builtin_cpu_supports("avx2") != 0;
    if (level == Dispatch::avx512) return __builtin_cpu_supports("avx512f") != 0;
#endif
    return level == Dispatch::best || level == Dispatch::portable;
}

Mlp::Kernels Mlp::kernels(Dispatch level, Activation activation, int outputs) {
    const bool tanh = activation == Activation::tanh;
#ifdef METTLE_AVX2
    const auto runs = [level](Dispatch one) {
        return level == Dispatch::best ? supported(one) : level >= one;
    };
    if (runs(Dispatch::avx512) && outputs > kBlock) {
        return {kWideBlock, dense_avx512, tanh ? tanh_avx512 : relu_avx2};
    }
    if (runs(Dispatch::avx2)) return {kBlock, dense_avx2, tanh ? tanh_avx2 : relu_avx2};
#else
    static_cast<void>(level);
    static_cast<void>(outputs);
#endif
    return {kBlock, dense_portable, tanh ? tanh_portable : relu_portable};
}

Mlp::Mlp(int inputs, const DenseLayer* layers, int count, Activation activation, Dispatch level)
    : inputs_(inputs), outputs_(layers[count - 1].outputs), widest_(0) {
    for (int l = 0; l < count; ++l) {
        const int outputs = layers[l].outputs;
        const Kernels chosen = kernels(level, activation, outputs);
        const int lanes = padded(outputs, chosen.block);
        const auto block = static_cast<std::size_t>(chosen.block);
        const auto rows = static_cast<std::size_t>(inputs);
        const std::size_t weight = weights_.size();
        const std::size_t bias = weight + rows * static_cast<std::size_t>(lanes);
        weights_.resize(bias + static_cast<std::size_t>(lanes), 0.0F);
        for (std::size_t o = 0; o < static_cast<std::size_t>(outputs); ++o) {
            float* at = weights_.data() + weight + o / block * block * rows + o % block;
            for (std::size_t i = 0; i < rows; ++i) at[i * block] = layers[l].weight[o * rows + i];
            weights_[bias + o] = layers[l].bias[o];
        }
        layers_.push_back(
            {inputs, lanes, lanes / static_cast<int>(block), weight, bias, chosen});
        widest_ = std::max(widest_, lanes);
        inputs = outputs;
    }
}

void Mlp::forward(const float* obs, float* action, float* scratch) const {
    const float* input = obs;
    float* output = scratch;
    float* spare = scratch + widest_;
    const float* weights = weights_.data();
    for (const Layer& layer : layers_) {
        const Kernels& kernels = layer.kernels;
        kernels.dense(input, layer.inputs, weights + layer.weight, weights + layer.bias,
                      layer.blocks, output);
        if (&layer != &layers_.back()) kernels.activate(output, layer.lanes);
        input = output;
        std::swap(output, spare);
    }
    for (int o = 0; o < outputs_; ++o) {
        const float mean = input[o];
        action[o] = mean > 1.0F ? 1.0F : (mean < -1.0F ? -1.0F : mean);
    }
}

void Mlp::forward_batch(const float* obs, std::size_t rows, float* actions, float* scratch) const {
    for (std::size_t row = 0; row < rows; ++row) {
        forward(obs + row * static_cast<std::size_t>(inputs_),
                actions + row * static_cast<std::size_t>(outputs_), scratch);
    }
}

}  // namespace mettle::inference
