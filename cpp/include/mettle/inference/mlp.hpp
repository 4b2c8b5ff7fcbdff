// Forward pass of a small multilayer perceptron: the one inference kernel of every engine.
//
// The bits of an action depend on the observation and the weights alone. Each output sums its
// inputs in one fixed order (see `forward`), lanes run over outputs, nothing is fused; batch size,
// thread count and dispatch level therefore cannot move a decision across a threshold.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace mettle::inference {

enum class Activation : int { tanh = 0, relu = 1 };

// Which instructions run; the bits are the same for all.
enum class Dispatch : int { best = 0, portable = 1, avx2 = 2, avx512 = 3 };

// Whether this machine can run `level`.
bool supported(Dispatch level);

// One dense layer as its owner stores it: weight is (outputs, inputs) row-major, bias (outputs).
struct DenseLayer {
    const float* weight;
    const float* bias;
    int outputs;
};

// Starts blocks of lanes on cache lines: a load that straddles two of them costs two.
template <class T>
struct CacheAligned {
    using value_type = T;
    CacheAligned() = default;
    template <class U>
    CacheAligned(const CacheAligned<U>&) {}  // NOLINT(google-explicit-constructor): allocators convert
    T* allocate(std::size_t count) {
        return static_cast<T*>(::operator new(count * sizeof(T), kLine));
    }
    void deallocate(T* pointer, std::size_t) { ::operator delete(pointer, kLine); }
    bool operator==(const CacheAligned&) const { return true; }

    static constexpr std::align_val_t kLine{64};
};

// Hidden layers with one activation, then a linear layer whose outputs are clipped to [-1, 1].
// A NaN comes out as NaN, which the market step reads as HOLD. Immutable after construction:
// any number of threads may call `forward` at once, each with its own scratch.
class Mlp {
public:
    // Copies the weights into lanes. `layers` has `count` >= 1 entries, the last is the output;
    // inputs and every `outputs` are >= 1, `level` is supported: the caller has checked.
    Mlp(int inputs, const DenseLayer* layers, int count, Activation activation,
        Dispatch level = Dispatch::best);

    int input_size() const { return inputs_; }
    int output_size() const { return outputs_; }
    // Number of floats that `forward` needs as scratch; no alignment is asked for.
    std::size_t scratch_size() const { return 2 * static_cast<std::size_t>(widest_); }

    // obs: (input_size), action: (output_size), scratch: (scratch_size); they must not overlap.
    // An output is its bias plus, for each run of 64 inputs in turn, (even + odd): the sums of the
    // products of the run's even and of its odd inputs, in rising order.
    void forward(const float* obs, float* action, float* scratch) const;

    // Rows of (input_size) to rows of (output_size), each as `forward` does it.
    void forward_batch(const float* obs, std::size_t rows, float* actions, float* scratch) const;

private:
    // What runs a layer, whose outputs lie in blocks of so many lanes.
    struct Kernels {
        std::ptrdiff_t block;
        void (*dense)(const float* input, int inputs, const float* weight, const float* bias,
                      int blocks, float* output);
        void (*activate)(float* values, int count);
    };
    struct Layer {
        int inputs;
        int lanes;           // its outputs, and what fills up the last block
        int blocks;
        std::size_t weight;  // offset of its first block in weights_
        std::size_t bias;
        Kernels kernels;
    };

    static Kernels kernels(Dispatch level, Activation activation, int outputs);

    int inputs_;
    int outputs_;
    int widest_;
    std::vector<Layer> layers_;
    // Blocks of 8 or 16 outputs; in a block, rows of as many lanes input by input. Unused lanes are
    // zero.
    std::vector<float, CacheAligned<float>> weights_;
};

}  // namespace mettle::inference
