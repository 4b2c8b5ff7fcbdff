"""Functions on tensors at fixed places: called as they are, or replayed as a CUDA graph."""

from __future__ import annotations

from collections.abc import Callable

import torch

_WARM_UP = 3  # what PyTorch asks for before a capture


class Programme:
    """A function without arguments or result whose tensors keep their places.

    On a GPU its first calls run on a stream beside the current one, where libraries choose their
    algorithms and take their workspaces; then it is captured once and replayed. All of them count:
    a call does the same work whichever way it runs.

    Args:
        function: Waits for nothing, and writes to tensors that were there before.
        graphs: Whether it may be captured; otherwise it is called as it is.
    """

    def __init__(
        self, function: Callable[[], None], device: torch.device, *, graphs: bool = True
    ) -> None:
        self._function = function
        self._captures = graphs and device.type == "cuda"
        self._device = device
        self._calls = 0
        self._stream: torch.cuda.Stream | None = None
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        """Do the function's work once."""
        if self._graph is not None:
            self._graph.replay()
        elif not self._captures:
            self._function()
        elif self._calls < _WARM_UP:
            self._calls += 1
            self._beside()
        else:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._function()
            self._graph, self._stream = graph, None
            graph.replay()

    def _beside(self) -> None:
        if self._stream is None:  # one for all calls: each keeps the memory that it took
            self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        current = torch.cuda.current_stream(self._device)
        self._stream.wait_stream(current)
        with torch.cuda.stream(self._stream):
            self._function()
        current.wait_stream(self._stream)
