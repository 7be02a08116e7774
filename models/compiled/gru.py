"""A GRU whose steps are compiled."""

from typing import Any, TypeGuard

import numpy as np
import torch
from torch import Tensor, nn

from models.compiled.gru_kernel import ROWS, UNITS, input_gradients, last_states, packed, remembered_states


class CompiledGru(nn.Module):
    """What `gru` makes of (B, T, K): its last state, (1, B, 64), without the states on the way."""

    @staticmethod
    def fits(part: nn.Module) -> TypeGuard[nn.GRU]:
        """Whether `part` is a GRU that the kernel can stand for."""
        if not isinstance(part, nn.GRU):
            return False
        plain = part.num_layers == 1 and part.bias and part.batch_first and not part.bidirectional
        sizes = part.hidden_size == UNITS and part.input_size % ROWS == 0
        return plain and sizes and part.get_parameter("weight_hh_l0").dtype == torch.float32

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        self.weights = gru.get_parameter("weight_ih_l0").detach().clone()
        of_input, of_state = self.weights.numpy(), gru.get_parameter("weight_hh_l0").detach().numpy()
        self.forwards, self.backwards = (packed(of_input.T), packed(of_state.T)), packed(of_state)
        input_bias, state_bias = (
            gru.get_parameter(f"bias_{each}_l0").detach().numpy().reshape(3, UNITS) for each in ("ih", "hh")
        )
        gates = input_bias[:2] + state_bias[:2]
        self.bias = np.concatenate((gates, state_bias[2:], input_bias[2:])).ravel()

    def forward(self, inputs: Tensor) -> tuple[None, Tensor]:
        """See the class."""
        features = inputs.transpose(1, 2).contiguous()  # of convolutions, which come so, no copy
        if features.requires_grad and torch.is_grad_enabled():
            last: Tensor = _LastState.apply(features, self)  # type: ignore[no-untyped-call]
        else:
            last = torch.from_numpy(last_states(features.detach().numpy(), *self.forwards, self.bias))
        return None, last[None]


class _LastState(torch.autograd.Function):
    """From features (B, K, T) to the last states (B, 64), with a gradient."""

    @staticmethod
    def forward(context: Any, features: Tensor, gru: CompiledGru) -> Tensor:
        last, context.kept = remembered_states(features.detach().numpy(), *gru.forwards, gru.bias)
        context.gru = gru
        return torch.from_numpy(last)

    @staticmethod
    def backward(context: Any, *of_last: Tensor) -> tuple[Tensor, None]:
        gru: CompiledGru = context.gru
        found = input_gradients(of_last[0].contiguous().numpy(), context.kept, gru.backwards)
        return torch.matmul(gru.weights.T, torch.from_numpy(found).transpose(1, 2)), None
