// The network of Stable-Baselines3's MlpPolicy: an actor and a critic of their own hidden layers
// with tanh, a Gaussian around the actor's output whose deviation does not depend on the state.
#pragma once

#include <string>
#include <vector>

#include "mettle/learning/kernels.hpp"
#include "mettle/market/lines.hpp"

namespace mettle::learning {

using market::Lines;

inline constexpr Index kBlock = 64;  // samples that pass through the network together
inline constexpr Index kStride = kBlock * kPanel;

// Where a tensor of the dense layout (outputs, inputs) lies among the parameters.
struct Tensor {
    enum class Kind { vector, hidden, head };

    std::string name;  // as in Stable-Baselines3's state
    Kind kind;
    Index outputs;
    Index inputs;  // 0 for a vector
    Index offset;

    // Hidden layers lie in panels of outputs, heads in panels of inputs.
    Index at(Index output, Index input) const {
        switch (kind) {
            case Kind::hidden:
                return offset + output / kPanel * kPanel * inputs + input * kPanel + output % kPanel;
            case Kind::head:
                return offset + input / kPanel * kPanel * outputs + output * kPanel + input % kPanel;
            default: return offset + output;
        }
    }
};

// What one block of samples is computed in, by one thread at a time.
struct Scratch {
    Lines<float> input;                 // panels of the observation
    std::vector<Lines<float>> hidden;   // per layer, the actor's panels before the critic's
    std::vector<Lines<float>> slope;    // dLoss / d(input of tanh), as `hidden`
    Lines<float> mean, mean_slope;      // panels of actions
    Lines<float> value, value_slope;    // one panel, of which the first column counts
    // One entry a sample.
    Lines<float> log_ratio, advantage, ratio, log_slope, gain;
};

class Network {
public:
    Network(Index inputs, std::vector<Index> hidden, Index actions, Level level);

    Index inputs() const { return inputs_; }
    Index actions() const { return actions_; }
    // Floats of all parameters, padded ones included: those stay zero.
    Index size() const { return size_; }
    const std::vector<Tensor>& tensors() const { return tensors_; }
    Index log_std() const { return log_std_; }
    const Kernels& kernels() const { return *kernels_; }
    Scratch scratch() const;

    // To be called after each change of the weights: what the passes need transposed.
    void prepare(const float* weights);
    // Fill `mean` and `value` from `input`, `rows` <= kBlock.
    void forward(const float* weights, Index rows, Scratch& scratch) const;
    // Only the critic's half.
    void forward_value(const float* weights, Index rows, Scratch& scratch) const;
    // Add what `mean_slope` and `value_slope` say to the gradient.
    void backward(const float* weights, Index rows, Scratch& scratch, float* gradient) const;

private:
    struct Layer {
        Index inputs;  // of one tower
        Index outputs;
        Index panels;     // of one tower
        Index weight[2];  // offsets, actor and critic; the first layers' lie side by side
        Index bias;       // of both, padded
        Index back[2];    // offsets among the transposed
    };
    struct Head {
        Index outputs;
        Index weight;
        Index bias;
        Index forward;  // offset among the transposed
    };

    void add_layer(Index inputs, Index outputs, std::size_t index);
    Head add_head(const char* name, Index outputs);
    void towers(const float* weights, Index rows, Scratch& scratch, int first) const;
    void head_forward(const float* weights, const Head& head, int tower, Index rows,
                      Scratch& scratch, float* out) const;
    void head_backward(const float* weights, const Head& head, int tower, Index rows,
                       Scratch& scratch, const float* slope, float* gradient) const;
    void weights_back(const Layer& layer, int tower, Index rows, const float* input,
                      const float* slope, float* gradient) const;
    void layer_back(std::size_t index, int tower, Index rows, Scratch& scratch,
                    float* gradient) const;

    Index inputs_;
    Index actions_;
    const Kernels* kernels_;
    std::vector<Layer> layers_;
    Head heads_[2];
    Index log_std_ = 0;
    Index size_ = 0;
    std::vector<Tensor> tensors_;
    Lines<float> turned_;
};

}  // namespace mettle::learning
