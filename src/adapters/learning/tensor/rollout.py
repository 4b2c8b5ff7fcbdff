"""The rollout: the policy plays in all environments, then advantages are estimated."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ....application.ports.trainer import PpoSettings
from ..jobs import EPISODES
from .market import TensorMarket
from .network import ActorCritic
from .programme import Programme

See = Callable[[Tensor], Tensor]
"""Makes the network's inputs of observations."""


class Rollout:
    """T steps of N environments, kept where they were played.

    Attributes:
        observations: Shape (T, N, D), float32.
        actions: As they were drawn, shape (T, N, A), float32; the market saw them clipped.
        log_probs, values, advantages, returns: Shape (T, N), float32.
        rewards: The same; where an episode was only cut off, with what the critic says of its end.
        dones: Whether the step ended an episode, shape (T, N), bool.
    """

    def __init__(
        self,
        market: TensorMarket,
        network: ActorCritic,
        see: See,
        ppo: PpoSettings,
        *,
        graphs: bool = True,
    ) -> None:
        device = network.vector.device
        shape = ppo.rollout, market.environments

        def plain(dtype: torch.dtype = torch.float32, *width: int) -> Tensor:
            return torch.zeros(*shape, *width, dtype=dtype, device=device)

        self.observations = plain(torch.float32, market.observation_size)
        self.actions = plain(torch.float32, market.assets)
        self.log_probs, self.values, self.rewards = plain(), plain(), plain()
        self.advantages, self.returns = plain(), plain()
        self.dones = plain(torch.bool)
        self._end_returns, self._end_lengths = plain(torch.float64), plain(torch.int32)
        self._row = torch.zeros(1, dtype=torch.int64, device=device)
        self._market = market
        self._network = network
        self._see = see
        self._ppo = ppo
        self._step = Programme(self._take_step, device, graphs=graphs)
        self._estimate = Programme(self._estimate_advantages, device, graphs=graphs)

    @property
    def frames(self) -> int:
        """Environment steps of one rollout."""
        return self.values.numel()

    def play(self, noise: torch.Generator) -> None:
        """Take all steps, and estimate the advantages.

        Raises:
            InvalidValue: If an amount of the market leaves 64 bits; see :class:`TensorMarket`.
        """
        self.actions.normal_(generator=noise)  # each step makes actions of its row
        self._row.zero_()
        for _ in range(self._ppo.rollout):
            self._step()
        self._estimate()

    def episodes(self) -> list[tuple[float, int]]:
        """Wait, and return reward and length of the last episodes that ended, in order."""
        steps, places = self.dones.nonzero()[-EPISODES:].unbind(dim=1)
        returns = self._end_returns[steps, places].tolist()
        return list(zip(returns, self._end_lengths[steps, places].tolist(), strict=True))

    @torch.no_grad()
    def _take_step(self) -> None:
        seen = self._market.observations
        self._keep(self.observations, seen)
        means, values = self._network(self._see(seen))
        noise = self.actions.index_select(0, self._row).squeeze(0)
        actions = means + self._network.deviations() * noise
        self._keep(self.actions, actions)
        self._keep(self.values, values)
        self._keep(self.log_probs, self._network.log_probs(means, actions))
        after = self._market.step(actions.clamp(-1.0, 1.0))
        # An episode that was only cut off goes on to be worth what the critic says of its last
        # observation. It is asked about all environments: how many there are is not known here.
        cut = after.truncated & ~after.terminated
        ends = torch.where(cut.unsqueeze(1), after.final_observations, seen)
        worth = self._ppo.discount * self._network.values(self._see(ends))
        self._keep(self.rewards, after.rewards + worth * cut)
        self._keep(self.dones, after.terminated | after.truncated)
        self._keep(self._end_returns, after.final_returns)
        self._keep(self._end_lengths, after.final_lengths)
        self._row.add_(1)

    def _keep(self, buffer: Tensor, values: Tensor) -> None:
        buffer.index_copy_(0, self._row, values.unsqueeze(0))

    @torch.no_grad()
    def _estimate_advantages(self) -> None:
        """Generalised advantage estimation (Schulman et al. 2016)."""
        last = self._network.values(self._see(self._market.observations))
        following = torch.cat((self.values[1:], last.unsqueeze(0)))
        goes_on = self._ppo.discount * self.dones.logical_not()
        surprises = self.rewards + goes_on * following - self.values
        weights = self._ppo.gae_lambda * goes_on
        ahead = torch.zeros_like(last)
        for step in reversed(range(self._ppo.rollout)):
            ahead = torch.addcmul(surprises[step], weights[step], ahead)
            self.advantages[step].copy_(ahead)
        torch.add(self.advantages, self.values, out=self.returns)
