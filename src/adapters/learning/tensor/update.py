"""The update: epochs of minibatches, Schulman's losses, and Adam on one vector."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from ....application.ports.trainer import PpoSettings
from .network import ActorCritic
from .programme import Programme
from .rollout import Rollout, See

FIGURES = (
    "policy_gradient_loss",
    "value_loss",
    "entropy_loss",
    "approx_kl",
    "clip_fraction",
    "loss",
)
"""What is kept of each minibatch."""

_BETAS = 0.9, 0.999
_EPSILON = 1e-5  # Stable-Baselines3's, not PyTorch's
_TINY = 1e-8  # of the normalised advantages
_NORM = 1e-6  # of the clipped gradient


class Update:
    """Adam (Kingma & Ba 2015) on the clipped surrogate, the value's error and the entropy.

    Attributes:
        first, second: Moments of the gradient, shape (P,), float32.
        updates: Steps of Adam taken so far, a scalar, float64.
    """

    def __init__(
        self,
        network: ActorCritic,
        rollout: Rollout,
        see: See,
        ppo: PpoSettings,
        *,
        graphs: bool = True,
    ) -> None:
        device = network.vector.device
        self.first, self.second = (torch.zeros_like(network.vector) for _ in range(2))
        self.updates = torch.zeros((), dtype=torch.float64, device=device)
        self._network = network
        self._rollout = rollout
        self._see = see
        self._ppo = ppo
        shape = ppo.epochs, rollout.frames
        self._order = torch.zeros(shape, dtype=torch.int64, device=device)
        count = self._order.numel() // ppo.batch_size
        self._figures = torch.zeros(count, len(FIGURES), device=device)
        self._row = torch.zeros(1, dtype=torch.int64, device=device)
        self._minibatch = Programme(self._take_minibatch, device, graphs=graphs)

    def shuffle(self, noise: torch.Generator) -> None:
        """Draw the order of every epoch."""
        for epoch in self._order:
            torch.randperm(len(epoch), generator=noise, out=epoch)

    def order(self, positions: Tensor) -> None:
        """Take a given order: positions ``step × N + environment``, shape (epochs, T N)."""
        self._order.copy_(positions)

    def run(self) -> None:
        """Take every minibatch of every epoch."""
        self._row.zero_()
        for _ in range(len(self._figures)):
            self._minibatch()

    def summary(self) -> Tensor:
        """Return the last run's figures as Stable-Baselines3 logs them, shape (6,).

        Means over all minibatches; ``approx_kl`` is of the last epoch, ``loss`` of the last one.
        """
        means = self._figures.mean(dim=0)
        last = self._figures[-(len(self._figures) // self._ppo.epochs) :, 3].mean()
        return torch.cat((means[:3], last.unsqueeze(0), means[4:5], self._figures[-1, 5:]))

    def gradient(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradient over a minibatch, shape (P,), and its figures, shape (6,)."""
        played, ppo = self._rollout, self._ppo

        def chosen(buffer: Tensor) -> Tensor:
            return buffer.flatten(0, 1).index_select(0, positions)

        means, values = self._network(self._see(chosen(played.observations)))
        log_ratio = self._network.log_probs(means, chosen(played.actions)) - chosen(
            played.log_probs
        )
        advantages = chosen(played.advantages)
        advantages = (advantages - advantages.mean()) / (advantages.std() + _TINY)
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1 - ppo.clip_range, 1 + ppo.clip_range)
        policy_loss = -torch.minimum(advantages * ratio, advantages * clipped).mean()
        value_loss = mse_loss(values, chosen(played.returns))
        entropy_loss = -self._network.entropy()
        loss = (
            policy_loss
            + ppo.entropy_coefficient * entropy_loss
            + ppo.value_coefficient * value_loss
        )
        parts = torch.autograd.grad(
            loss, list(self._network.parameters.values()), materialize_grads=True
        )
        with torch.no_grad():
            away = ((ratio - 1).abs() > ppo.clip_range).float().mean()
            kl = ((ratio - 1) - log_ratio).mean()
            told = torch.stack((policy_loss, value_loss, entropy_loss, kl, away, loss))
            return torch.cat([one.flatten() for one in parts]), told

    def _take_minibatch(self) -> None:
        batches = self._order.view(-1, self._ppo.batch_size)
        gradient, told = self.gradient(batches.index_select(0, self._row).squeeze(0))
        self._figures.index_copy_(0, self._row, told.unsqueeze(0))
        self._row.add_(1)
        self._descend(gradient)

    @torch.no_grad()
    def _descend(self, gradient: Tensor) -> None:
        norm = torch.linalg.vector_norm(gradient)
        gradient = gradient * (self._ppo.max_gradient_norm / (norm + _NORM)).clamp(max=1.0)
        self.updates.add_(1)
        fast, slow = _BETAS
        self.first.lerp_(gradient, 1 - fast)
        self.second.mul_(slow).addcmul_(gradient, gradient, value=1 - slow)
        pace = self._ppo.learning_rate / (1 - fast**self.updates)
        spread = self.second.sqrt() / (1 - slow**self.updates).sqrt() + _EPSILON
        self._network.vector.sub_(pace * self.first / spread)
