"""A GRU whose steps are compiled, in place of PyTorch's, where a classifier is asked again and again."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from models.gru_kernel import UNITS, input_gradients, last_states, packed, remembered_states


def with_compiled_gru(network: nn.Module) -> nn.Module:
    """`network` with another GRU in place of each that the kernel can stand for; itself where there is none.

    Logits are the same to within 1e-6, and gradients by the signals to within 1e-6 of the largest. There are none by
    the weights, which are taken as they are now. The network that is passed is not changed; what has no GRU is shared.
    """
    places = [name for name, each in network.named_children() if isinstance(each, nn.GRU) and _fits(each)]
    if not places or network.training:
        return network
    faster = copy.copy(network)
    # A shallow copy of a module shares the dictionary of its children.
    faster._modules = dict(network._modules)
    for name in places:
        gru = getattr(network, name)
        faster._modules[name] = CompiledGru(gru)
    return faster


def _fits(gru: nn.GRU) -> bool:
    plain = gru.num_layers == 1 and gru.bias and gru.batch_first and not gru.bidirectional
    return plain and gru.hidden_size == UNITS and gru.get_parameter("weight_hh_l0").dtype == torch.float32


class CompiledGru(nn.Module):
    """What `gru` makes of (B, T, K): its last state, (1, B, 64), without the states on the way."""

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        of_state = gru.get_parameter("weight_hh_l0").detach().numpy()
        self.of_input = gru.get_parameter("weight_ih_l0").detach()
        self.input_bias = gru.get_parameter("bias_ih_l0").detach()
        self.forwards, self.backwards = packed(of_state.T), packed(of_state)
        self.bias = gru.get_parameter("bias_hh_l0").detach().numpy()

    def forward(self, inputs: Tensor) -> tuple[None, Tensor]:
        """See the class."""
        projected = nn.functional.linear(inputs, self.of_input, self.input_bias).contiguous()
        if projected.requires_grad and torch.is_grad_enabled():
            last: Tensor = _LastState.apply(projected, self)  # type: ignore[no-untyped-call]
        else:
            last = torch.from_numpy(last_states(projected.detach().numpy(), self.forwards, self.bias))
        return None, last[None]


class _LastState(torch.autograd.Function):
    """From the projected inputs (B, T, 192) to the last states (B, 64), with a gradient."""

    @staticmethod
    def forward(context: Any, projected: Tensor, gru: CompiledGru) -> Tensor:
        last, kept = remembered_states(projected.detach().numpy(), gru.forwards, gru.bias)
        context.kept, context.weights = kept, gru.backwards
        return torch.from_numpy(last)

    @staticmethod
    def backward(context: Any, *of_last: Tensor) -> tuple[Tensor, None]:
        found = input_gradients(of_last[0].contiguous().numpy(), context.kept, context.weights)
        return torch.from_numpy(found), None
