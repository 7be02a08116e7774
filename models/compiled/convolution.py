"""A block of convolution, batch normalisation, ReLU and pooling, the last two of which are compiled."""

from typing import Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from models.compiled.pool_kernel import pooled, pooled_gradients, remembered_pooled


class CompiledBlock(nn.Module):
    """What `block` makes of (B, K, T): (B, K', T / 2)."""

    @staticmethod
    def fits(part: nn.Module) -> TypeGuard[nn.Sequential]:
        """Whether `part` is the block that the class stands for."""
        if not isinstance(part, nn.Sequential) or len(part) != 4:
            return False
        convolution, normalisation, rectifier, pool = part
        return (
            isinstance(convolution, nn.Conv1d)
            and convolution.weight.dtype == torch.float32
            and isinstance(normalisation, nn.BatchNorm1d)
            and normalisation.track_running_stats
            and isinstance(rectifier, nn.ReLU)
            and isinstance(pool, nn.MaxPool1d)
            and (pool.kernel_size, pool.stride, pool.padding, pool.dilation) == (2, 2, 0, 1)
            and not pool.ceil_mode
        )

    def __init__(self, block: nn.Sequential) -> None:
        super().__init__()
        convolution, normalisation = block[0], block[1]
        assert isinstance(convolution, nn.Conv1d)
        assert isinstance(normalisation, nn.BatchNorm1d)
        # In evaluation mode batch normalisation is linear: the weights of the convolution take it in.
        self.convolution = fuse_conv_bn_eval(convolution, normalisation).requires_grad_(False)

    def forward(self, inputs: Tensor) -> Tensor:
        """See the class."""
        values = self.convolution(inputs).contiguous()
        if values.requires_grad and torch.is_grad_enabled():
            found: Tensor = _RectifiedPool.apply(values)  # type: ignore[no-untyped-call]
            return found
        return torch.from_numpy(pooled(values.detach().numpy()))


class _RectifiedPool(torch.autograd.Function):
    """ReLU and the larger of each two neighbours, (B, K, T) to (B, K, T / 2), with a gradient."""

    @staticmethod
    def forward(context: Any, values: Tensor) -> Tensor:
        found, context.chosen = remembered_pooled(values.detach().numpy())
        context.samples = values.shape[2]
        return torch.from_numpy(found)

    @staticmethod
    def backward(context: Any, *of_found: Tensor) -> Tensor:
        gradients = pooled_gradients(of_found[0].contiguous().numpy(), context.chosen, context.samples)
        return torch.from_numpy(gradients)
