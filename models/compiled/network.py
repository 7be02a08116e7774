"""A classifier with compiled parts in place of some of PyTorch's."""

import copy

from torch import nn

from models.compiled.convolution import CompiledBlock
from models.compiled.gru import CompiledGru


def with_compiled_parts(network: nn.Module) -> nn.Module:
    """`network` with compiled parts in place of each that there is a kernel for; itself where there is none.

    Those are a GRU (`CompiledGru`) and a block of convolution, batch normalisation, ReLU and pooling (`CompiledBlock`),
    also inside of an `nn.Sequential`. Logits are the same to within 1e-5, and gradients by the signals to within 1e-5
    of the largest. There are none by the weights, which are taken as they are now. The network that is passed is not
    changed; what has no compiled parts is shared. In training mode it is returned as it is.
    """
    return network if network.training else _with_compiled_children(network)


def _with_compiled_children(network: nn.Module) -> nn.Module:
    children = {name: _compiled(child) for name, child in network.named_children()}
    if all(child is network.get_submodule(name) for name, child in children.items()):
        return network
    faster = copy.copy(network)
    # A shallow copy of a module shares the dictionary of its children.
    faster._modules = dict(children)
    return faster


def _compiled(part: nn.Module) -> nn.Module:
    if CompiledGru.fits(part):
        return CompiledGru(part)
    if CompiledBlock.fits(part):
        return CompiledBlock(part)
    return _with_compiled_children(part) if isinstance(part, nn.Sequential) else part
