"""One decision of a network of 64 × 64 units from Python: onnxruntime and numba."""

from __future__ import annotations

import itertools

import numpy as np

from ._worker import Measure, calls, data, serve

_BURST = 500


def onnxruntime() -> Measure:
    """Set up a session of one thread over the same weights."""
    import onnx
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    arrays = data()
    nodes, tensors, before = [], [], "x"
    for layer in range(3):
        weights = (f"w{layer}", f"b{layer}")
        tensors += [numpy_helper.from_array(arrays[name], name) for name in weights]
        after = "y" if layer == 2 else f"z{layer}"
        nodes.append(helper.make_node("Gemm", [before, *weights], [after], transB=1))
        if layer < 2:
            before = f"t{layer}"
            nodes.append(helper.make_node("Tanh", [after], [before]))
    shapes = [("x", arrays["row"].shape), ("y", arrays["b2"].shape)]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, *shape])
        for name, shape in shapes
    ]
    graph = helper.make_graph(nodes, "policy", ends[:1], ends[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    onnx.checker.check_model(model)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    feed = {"x": arrays["row"][None]}
    return _timed(lambda: session.run(None, feed)[0][0])


def numba() -> Measure:
    """Set up three products and two tanh in one compiled function."""
    from numba import njit

    arrays = data()
    layers = [np.ascontiguousarray(arrays[f"{kind}{i}"]) for i in range(3) for kind in "wb"]

    def forward(x, w0, b0, w1, b1, w2, b2):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  numba infers them
        hidden = np.tanh(np.dot(w0, x) + b0)
        hidden = np.tanh(np.dot(w1, hidden) + b1)
        return np.dot(w2, hidden) + b2

    compiled = njit(fastmath=True)(forward)
    row = arrays["row"]
    return _timed(lambda: compiled(row, *layers))


def _timed(decide: object) -> Measure:
    assert callable(decide)
    found = decide()

    def burst() -> None:
        for _ in itertools.repeat(None, _BURST):
            decide()

    measure = calls(burst, _BURST)
    return lambda seconds: measure(seconds) | {"output": np.asarray(found).tolist()}


CASES = {"onnxruntime": onnxruntime, "numba": numba}

if __name__ == "__main__":
    serve(CASES, ("onnxruntime", "numba", "numpy"))
