#include "mettle/learning/network.hpp"

#include <algorithm>

namespace mettle::learning {

namespace {

constexpr const char* kTowers[2] = {"mlp_extractor.policy_net.", "mlp_extractor.value_net."};

std::size_t floats(Index count) { return static_cast<std::size_t>(count); }

Index take(Index& next, Index count) {
    const Index offset = next;
    next += padded(count);
    return offset;
}

}  // namespace

Network::Network(Index inputs, std::vector<Index> hidden, Index actions, Level level)
    : inputs_(inputs), actions_(actions), kernels_(&learning::kernels(level)) {
    log_std_ = take(size_, actions);
    tensors_.push_back({"log_std", Tensor::Kind::vector, actions, 0, log_std_});
    Index before = inputs;
    for (std::size_t l = 0; l < hidden.size(); ++l) {
        add_layer(before, hidden[l], l);
        before = hidden[l];
    }
    heads_[0] = add_head("action_net.", actions);
    heads_[1] = add_head("value_net.", 1);
    Index turned = 0;
    for (Layer& layer : layers_) {
        for (Index& one : layer.back) one = take(turned, layer.outputs * padded(layer.inputs));
    }
    for (Head& head : heads_) head.forward = take(turned, before * padded(head.outputs));
    turned_.resize(floats(turned));
}

void Network::add_layer(Index inputs, Index outputs, std::size_t index) {
    Layer layer{inputs, outputs, panels(outputs), {}, 0, {}};
    for (Index& one : layer.weight) one = take(size_, inputs * padded(outputs));
    layer.bias = take(size_, 2 * padded(outputs));
    for (Index tower = 0; tower < 2; ++tower) {
        const std::string name = kTowers[tower] + std::to_string(2 * index);
        tensors_.push_back({name + ".weight", Tensor::Kind::hidden, outputs, inputs,
                            layer.weight[tower]});
        tensors_.push_back({name + ".bias", Tensor::Kind::vector, outputs, 0,
                            layer.bias + tower * padded(outputs)});
    }
    layers_.push_back(layer);
}

Network::Head Network::add_head(const char* name, Index outputs) {
    const Index inputs = layers_.back().outputs;
    const Index weight = take(size_, outputs * padded(inputs));
    const Index bias = take(size_, outputs);
    const std::string prefix = name;
    tensors_.push_back({prefix + "weight", Tensor::Kind::head, outputs, inputs, weight});
    tensors_.push_back({prefix + "bias", Tensor::Kind::vector, outputs, 0, bias});
    return {outputs, weight, bias, 0};
}

Scratch Network::scratch() const {
    Scratch made;
    made.input.resize(floats(panels(inputs_) * kStride));
    for (const Layer& layer : layers_) {
        made.hidden.emplace_back(floats(2 * layer.panels * kStride));
        made.slope.emplace_back(floats(2 * layer.panels * kStride));
    }
    for (auto* one : {&made.mean, &made.mean_slope}) one->resize(floats(panels(actions_) * kStride));
    for (auto* one : {&made.value, &made.value_slope}) one->resize(floats(kStride));
    for (auto* one :
         {&made.log_ratio, &made.advantage, &made.ratio, &made.log_slope, &made.gain}) {
        one->resize(floats(kBlock));
    }
    return made;
}

void Network::prepare(const float* weights) {
    for (std::size_t l = 1; l < layers_.size(); ++l) {
        const Layer& layer = layers_[l];
        for (int tower = 0; tower < 2; ++tower) {
            const Tensor from{"", Tensor::Kind::hidden, layer.outputs, layer.inputs,
                              layer.weight[tower]};
            const Tensor to{"", Tensor::Kind::hidden, layer.inputs, layer.outputs,
                            layer.back[tower]};
            for (Index i = 0; i < layer.inputs; ++i) {
                for (Index o = 0; o < layer.outputs; ++o) {
                    turned_[floats(to.at(i, o))] = weights[from.at(o, i)];
                }
            }
        }
    }
    const Index inputs = layers_.back().outputs;
    for (const Head& head : heads_) {
        const Tensor from{"", Tensor::Kind::head, head.outputs, inputs, head.weight};
        const Tensor to{"", Tensor::Kind::hidden, head.outputs, inputs, head.forward};
        for (Index o = 0; o < head.outputs; ++o) {
            for (Index i = 0; i < inputs; ++i) {
                turned_[floats(to.at(o, i))] = weights[from.at(o, i)];
            }
        }
    }
}

void Network::towers(const float* weights, Index rows, Scratch& scratch, int first) const {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
        const Layer& layer = layers_[l];
        for (int tower = first; tower < 2; ++tower) {
            const float* input =
                l == 0 ? scratch.input.data()
                       : scratch.hidden[l - 1].data() + tower * layers_[l - 1].panels * kStride;
            for (Index q = 0; q < layer.panels; ++q) {
                const Index panel = tower * layer.panels + q;
                float* out = scratch.hidden[l].data() + panel * kStride;
                kernels_->product(rows, layer.inputs, input, kStride,
                                  weights + layer.weight[tower] + q * layer.inputs * kPanel,
                                  weights + layer.bias + panel * kPanel, out);
                kernels_->tanh(rows * kPanel, out);
            }
        }
    }
}

void Network::head_forward(const float* weights, const Head& head, int tower, Index rows,
                           Scratch& scratch, float* out) const {
    const Layer& last = layers_.back();
    const float* input = scratch.hidden.back().data() + tower * last.panels * kStride;
    for (Index q = 0; q < panels(head.outputs); ++q) {
        kernels_->product(rows, last.outputs, input, kStride,
                          turned_.data() + head.forward + q * last.outputs * kPanel,
                          weights + head.bias + q * kPanel, out + q * kStride);
    }
}

void Network::forward(const float* weights, Index rows, Scratch& scratch) const {
    towers(weights, rows, scratch, 0);
    head_forward(weights, heads_[0], 0, rows, scratch, scratch.mean.data());
    head_forward(weights, heads_[1], 1, rows, scratch, scratch.value.data());
}

void Network::forward_value(const float* weights, Index rows, Scratch& scratch) const {
    towers(weights, rows, scratch, 1);
    head_forward(weights, heads_[1], 1, rows, scratch, scratch.value.data());
}

void Network::head_backward(const float* weights, const Head& head, int tower, Index rows,
                            Scratch& scratch, const float* slope, float* gradient) const {
    const Layer& last = layers_.back();
    for (Index o = 0; o < head.outputs; ++o) {
        const float* column = slope + o / kPanel * kStride + o % kPanel;
        float total = 0.0F;
        for (Index i = 0; i < rows; ++i) total += column[i * kPanel];
        gradient[head.bias + o] += total;
    }
    for (Index q = 0; q < last.panels; ++q) {
        const Index panel = tower * last.panels + q;
        const float* output = scratch.hidden.back().data() + panel * kStride;
        float* back = scratch.slope.back().data() + panel * kStride;
        const Index weight = head.weight + q * head.outputs * kPanel;
        for (Index o = 0; o < head.outputs; o += kPanel) {
            kernels_->transposed(std::min(kPanel, head.outputs - o), rows,
                                 slope + o / kPanel * kStride, output,
                                 gradient + weight + o * kPanel);
        }
        kernels_->product(rows, head.outputs, slope, kStride, weights + weight, nullptr, back);
        kernels_->tanh_back(rows, output, back, gradient + last.bias + panel * kPanel);
    }
}

void Network::weights_back(const Layer& layer, int tower, Index rows, const float* input,
                           const float* slope, float* gradient) const {
    for (Index q = 0; q < layer.panels; ++q) {
        float* panel = gradient + layer.weight[tower] + q * layer.inputs * kPanel;
        for (Index i = 0; i < layer.inputs; i += kPanel) {
            kernels_->transposed(std::min(kPanel, layer.inputs - i), rows,
                                 input + i / kPanel * kStride, slope + q * kStride,
                                 panel + i * kPanel);
        }
    }
}

void Network::layer_back(std::size_t index, int tower, Index rows, Scratch& scratch,
                         float* gradient) const {
    const Layer& layer = layers_[index];
    const float* slope = scratch.slope[index].data() + tower * layer.panels * kStride;
    if (index == 0) {
        weights_back(layer, tower, rows, scratch.input.data(), slope, gradient);
        return;
    }
    const Layer& before = layers_[index - 1];
    const Index first = tower * before.panels;
    const float* input = scratch.hidden[index - 1].data() + first * kStride;
    weights_back(layer, tower, rows, input, slope, gradient);
    for (Index q = 0; q < before.panels; ++q) {
        float* back = scratch.slope[index - 1].data() + (first + q) * kStride;
        kernels_->product(rows, layer.outputs, slope, kStride,
                          turned_.data() + layer.back[tower] + q * layer.outputs * kPanel, nullptr,
                          back);
        kernels_->tanh_back(rows, input + q * kStride, back,
                            gradient + before.bias + (first + q) * kPanel);
    }
}

void Network::backward(const float* weights, Index rows, Scratch& scratch,
                       float* gradient) const {
    head_backward(weights, heads_[0], 0, rows, scratch, scratch.mean_slope.data(), gradient);
    head_backward(weights, heads_[1], 1, rows, scratch, scratch.value_slope.data(), gradient);
    for (std::size_t l = layers_.size(); l-- > 0;) {
        for (int tower = 0; tower < 2; ++tower) layer_back(l, tower, rows, scratch, gradient);
    }
}

}  // namespace mettle::learning
